import test from 'ava'
import { startRecorder, startRelay, talk } from '../../support/relay.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('a request crosses with its lines in their case and order, and so does the answer', async (t) => {
  const upstream = await startRecorder((socket) =>
    socket.write('HTTP/1.1 201 Made\r\nX-ThInG: 1\r\nAccept:a\r\nContent-Length: 2\r\n\r\nok'),
  )
  const relay = await startRelay(upstream.port)
  const answer = await talk(relay.port, [
    'POST /a?b=%2F..//c HTTP/1.1\r\nHost: x\r\nX-oNe:  1 \r\nCookie: a\r\ncOOKIE: b\r\nContent-Length: 3\r\n\r\nabc',
  ])
  t.is(
    upstream.received[0],
    'POST /a?b=%2F..//c HTTP/1.1\r\nHost: upstream\r\nX-oNe:  1 \r\nCookie: a\r\ncOOKIE: b\r\nContent-Length: 3\r\n\r\nabc',
  )
  t.is(answer, 'HTTP/1.1 201 Made\r\nX-ThInG: 1\r\nAccept:a\r\nContent-Length: 2\r\n\r\nok')
  await relay.close()
  await upstream.close()
})

test('pipelined requests are answered in order, over one upstream connection', async (t) => {
  const upstream = await startRecorder((socket, text) => {
    const path = /^GET (\S+)/.exec(text)?.[1] ?? '?'
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
  })
  const relay = await startRelay(upstream.port)
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const answer = await talk(relay.port, [get('/1') + get('/22') + get('/333')])
  t.deepEqual(answer.match(/\r\n\r\n\/\d+/g), ['\r\n\r\n/1', '\r\n\r\n/22', '\r\n\r\n/333'])
  t.is(upstream.received.length, 1)
  t.is(relay.ended.length, 3)
  await relay.close()
  await upstream.close()
})

test('a chunked body crosses without its extensions and trailers, however it is cut', async (t) => {
  const head = 'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
  const body = '3;a=b;c="d;\\"e"\r\nabc\r\n0A\r\n0123456789\r\n0;x\r\nX-Trailer: 1\r\n\r\n'
  const upstream = await startRecorder((socket, _text, all) => {
    if (all.endsWith('0\r\n\r\n')) socket.write(OK)
  })
  const relay = await startRelay(upstream.port)
  for (let cut = 0; cut < body.length; cut++) {
    const answer = await talk(relay.port, [head + body.slice(0, cut), body.slice(cut)], true)
    t.true(answer.endsWith('ok'), `cut at ${cut}: ${answer}`)
  }
  for (const received of upstream.received.join('').split('POST ').slice(1)) {
    t.is(
      received.split('\r\n\r\n').slice(1).join('\r\n\r\n'),
      '3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n',
    )
  }
  await relay.close()
  await upstream.close()
})

test('HTTP/1.0 is served: no Host, never chunks, closed unless keep-alive was asked', async (t) => {
  const upstream = await startRecorder((socket) =>
    socket.write(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    ),
  )
  const relay = await startRelay(upstream.port)
  const answer = await talk(relay.port, ['GET / HTTP/1.0\r\n\r\n'], false)
  t.is(answer, 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde')
  await relay.close()
  await upstream.close()
})

// Vert.x and Python take other 1xx for the answer, and then the answer for that of the next request.
test('of 1xx heads a caller gets the 100 that it asked for, and no other', async (t) => {
  const interim = [102, 100, 103, 199]
    .map((status) => `HTTP/1.1 ${status} X\r\nA: b\r\n\r\n`)
    .join('')
  const upstream = await startRecorder((socket) => socket.write(interim + OK))
  const relay = await startRelay(upstream.port)
  const post = (...lines: string[]) =>
    talk(relay.port, [
      ['POST /a HTTP/1.1', 'Host: x', 'Content-Length: 1', ...lines, '', 'a'].join('\r\n'),
    ])
  t.is(await post(), OK)
  t.is(await post('Expect: 100-continue'), `HTTP/1.1 100 X\r\nA: b\r\n\r\n${OK}`)
  t.is(await talk(relay.port, ['GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n']), OK)
  const head = 'HEAD / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na'
  t.true((await talk(relay.port, [head])).startsWith('HTTP/1.1 200 OK\r\n'))
  await relay.close()
  await upstream.close()
})

test('an answer that ends with its connection gets chunks', async (t) => {
  const upstream = await startRecorder((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nabc'))
  const relay = await startRelay(upstream.port)
  const answer = await talk(relay.port, ['GET / HTTP/1.1\r\nHost: x\r\n\r\n'])
  t.is(answer, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
  await relay.close()
  await upstream.close()
})

for (const [what, request, answer] of [
  ['HEAD', 'HEAD / HTTP/1.1', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  ['204', 'GET / HTTP/1.1', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['304', 'GET / HTTP/1.1', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'],
] as const) {
  test(`an answer to ${what} has no body and the connection is used again`, async (t) => {
    const upstream = await startRecorder((socket) => socket.write(answer))
    const relay = await startRelay(upstream.port)
    const twice = `${request}\r\nHost: x\r\n\r\n`.repeat(2)
    t.is(await talk(relay.port, [twice]), answer.repeat(2))
    t.is(upstream.received.length, 1)
    await relay.close()
    await upstream.close()
  })
}

// Python's http.client would read chunks, and find them in the next answer.
test('a 304 does not say that it is chunked', async (t) => {
  const upstream = await startRecorder((socket) =>
    socket.write('HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n'),
  )
  const relay = await startRelay(upstream.port)
  const answer = await talk(relay.port, ['GET / HTTP/1.1\r\nHost: x\r\n\r\n'])
  t.is(answer, 'HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\n')
  await relay.close()
  await upstream.close()
})

test('100-continue is the upstream’s to say', async (t) => {
  const upstream = await startRecorder((socket, text, all) => {
    if (text.includes('Expect')) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    if (all.endsWith('body')) socket.write(OK)
  })
  const relay = await startRelay(upstream.port)
  const answer = await talk(relay.port, [
    'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
    'body',
  ])
  t.is(answer, `HTTP/1.1 100 Continue\r\n\r\n${OK}`)
  await relay.close()
  await upstream.close()
})

test('an early answer is passed on and the connection closed; the upstream is not used again', async (t) => {
  const upstream = await startRecorder((socket, text) => {
    socket.write(text.startsWith('POST') ? 'HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n' : OK)
  })
  const relay = await startRelay(upstream.port)
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n'
  const answer = await talk(relay.port, [head, 'x'.repeat(10)], false)
  t.is(answer, 'HTTP/1.1 413 Big\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  t.is(relay.pool.exchanges, 0)
  await talk(relay.port, ['GET / HTTP/1.1\r\nHost: x\r\n\r\n'])
  t.is(upstream.received.length, 2)
  await relay.close()
  await upstream.close()
})

for (const [what, sent, brokenOff] of [
  ['next to nothing', 100, true],
  ['a good part', 40_000, false],
] as const) {
  test(`an early answer counts against a caller that had sent ${what} of its body: ${brokenOff}`, async (t) => {
    const upstream = await startRecorder((socket, _text, all) => {
      if (all.length > sent) socket.write('HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n')
    })
    const relay = await startRelay(upstream.port)
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n'
    t.regex(await talk(relay.port, [head, 'x'.repeat(sent)], false), /^HTTP\/1.1 413 Big/)
    t.is(relay.ended[0]?.brokenOff, brokenOff)
    await relay.close()
    await upstream.close()
  })
}

test('a second answer on an idle connection reaches no caller (CVE-2026-48931)', async (t) => {
  let first = true
  const upstream = await startRecorder((socket) => {
    if (first) socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`)
    else socket.write(OK)
    first = false
  })
  const relay = await startRelay(upstream.port)
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  t.is(await talk(relay.port, [get]), OK)
  t.is(await talk(relay.port, [get]), OK)
  t.is(upstream.received.length, 2)
  await relay.close()
  await upstream.close()
})

test('a request that may have been acted on is never sent twice', async (t) => {
  let requests = 0
  const upstream = await startRecorder((socket) => {
    if (++requests === 1) socket.write(OK)
    else socket.destroy()
  })
  const relay = await startRelay(upstream.port)
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  t.is(await talk(relay.port, [get]), OK)
  t.true((await talk(relay.port, [get])).startsWith('HTTP/1.1 502 '))
  t.is(requests, 2)
  await relay.close()
  await upstream.close()
})
