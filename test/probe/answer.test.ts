import test from 'ava'
import { answers, header } from '../../src/probe/http.ts'

const read = (text: string, methods = ['GET', 'GET'], ended = false) =>
  answers(Buffer.from(text, 'latin1'), methods, ended)

test('an answer with a length is whole when its last byte is there, not before', (t) => {
  const text = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
  t.like(read(text)[0], { status: 200, body: 'hello', whole: true })
  t.like(read(text.slice(0, -1))[0], { body: 'hell', whole: false })
})

test('chunks are joined, and trailers are not taken for the next answer', (t) => {
  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n'
  const next = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'
  t.like(read(`${chunked}\r\n${next}`), [{ body: 'abcde' }, { status: 404 }])
  t.like(read(`${chunked}X-Trailer: 1\r\n\r\n${next}`), [{ body: 'abcde' }, { status: 404 }])
  t.is(read(`${chunked}X-Trailer: 1\r\n`)[0]?.whole, false)
})

test('an answer to HEAD has no body whatever its length says', (t) => {
  const text = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'
  t.deepEqual(
    read(text, ['HEAD', 'GET']).map(({ status }) => status),
    [200, 204],
  )
})

test('an answer that opens a way for other bytes is whole with its head', (t) => {
  const switched = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n'
  t.like(read(`${switched}\0\0\0`), [{ status: 101, body: '', whole: true }])
  const tunnel = 'HTTP/1.1 200 Connection established\r\n\r\n'
  t.is(read(tunnel, ['CONNECT'])[0]?.whole, true)
  t.is(read(tunnel, ['GET'])[0]?.whole, false)
  t.is(read(tunnel.replace('200', '407'), ['CONNECT'])[0]?.whole, false)
})

test('informational answers are not final ones', (t) => {
  const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'
  t.deepEqual(
    read(text).map(({ status }) => status),
    [201],
  )
})

test('without any framing the end of the connection is the end of the body', (t) => {
  const text = 'HTTP/1.0 200 OK\r\n\r\nall of it'
  t.is(read(text)[0]?.whole, false)
  t.like(read(text, ['GET'], true)[0], { body: 'all of it', whole: true })
})

test('bytes that are not HTTP do not count as an answer', (t) => {
  t.deepEqual(read('SSH-2.0-OpenSSH_9.2\r\n\r\n'), [])
  t.deepEqual(read(''), [])
})

test('a header is found whatever its case', (t) => {
  const [answer] = read('HTTP/1.1 204 No Content\r\nx-SIDECAR-refused: no-certificate\r\n\r\n')
  t.is(header(answer!, 'X-Sidecar-Refused'), 'no-certificate')
  t.is(header(answer!, 'x-sidecar'), undefined)
})
