import test from 'ava'
import { REQUEST_NAMES } from '../../../src/proxy/names.ts'
import { FLAW, type WireFlaw } from '../../../src/wire/flaws.ts'
import { parseRequestHead } from '../../../src/wire/h1/request-head.ts'
import { FRAMING, Head, type HeadLimits, LINE } from '../../../src/wire/head.ts'
import { readHead } from '../../support/engine.ts'
import { LIMITS } from '../../support/relay.ts'

function parse(text: string, limits: Partial<HeadLimits> = {}) {
  const head = new Head()
  const bytes = Buffer.from(`??${text}`, 'latin1')
  const all = { ...LIMITS, ...limits }
  const end = parseRequestHead(head, bytes, 2, bytes.length, REQUEST_NAMES, all)
  return { head, end: end > 0 ? end - 2 : end }
}

const G = 'GET / HTTP/1.1\r\n'
const H = `${G}Host: x\r\n`

const GOOD: readonly (readonly [what: string, text: string])[] = [
  ['the least', `${H}\r\n`],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n'],
  ['no blank behind the colon', `${G}Host:x\r\n\r\n`],
  ['an empty Host', `${G}Host:\r\n\r\n`],
  ['a Host with a port', `${G}Host: [::1]:80\r\n\r\n`],
  ['an empty value', `${H}A:\r\n\r\n`],
  ['blanks around a value', `${H}A: \t b\t \r\n\r\n`],
  ['obs-text in a value', `${H}A: \xe4\xff\x80\r\n\r\n`],
  ['every sign of a token', `${H}!#$%&'*+-.^_\`|~09azAZ: b\r\n\r\n`],
  ['lines that may repeat', `${H}Accept: a\r\nACCEPT: b\r\nCookie: a\r\nVia: c\r\nVia: c\r\n\r\n`],
  ['different X-Okapi-*', `${H}X-Okapi-Tenant: a\r\nX-Okapi-Foo: b\r\nX-Okapi-Bar: c\r\n\r\n`],
  ['other names with _', `${H}a_b: c\r\nA-B: d\r\n\r\n`],
  ['a query of anything visible', `GET /?a=%2F..//;#\\"<>{}|^\` HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['fifteen digits', `${H}Content-Length: 999999999999999\r\n\r\n`],
  ['chunked in capitals', `${H}Transfer-Encoding: CHUNKED\r\n\r\n`],
  ['Connection with what may go', `${H}Connection: close, x-y ,,TE\r\n\r\n`],
]

for (const [what, text] of GOOD) {
  test(`a good request head: ${what}`, (t) => {
    t.is(parse(text).end, text.length)
    t.is(parse(`${text}GET`).end, text.length)
    for (let cut = 0; cut < text.length; cut++) {
      t.is(parse(text.slice(0, cut)).end, 0, `cut at ${cut}`)
    }
  })
}

const BAD: readonly (readonly [what: string, text: string, flaw: WireFlaw])[] = [
  ['an empty line first', `\r\n${H}\r\n`, 'requestLine'],
  ['a blank first', ` ${H}\r\n`, 'requestLine'],
  ['two blanks', 'GET  / HTTP/1.1\r\nHost: x\r\n\r\n', 'requestLine'],
  ['two blanks before the version', 'GET /  HTTP/1.1\r\nHost: x\r\n\r\n', 'requestLine'],
  ['a tab', 'GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n', 'requestLine'],
  ['a blank behind the version', 'GET / HTTP/1.1 \r\nHost: x\r\n\r\n', 'lineEnd'],
  ['no version (0.9)', 'GET /\r\n\r\n', 'requestLine'],
  ['no version and no CR', 'GET /\n', 'requestLine'],
  ['a version in small letters', 'GET / http/1.1\r\nHost: x\r\n\r\n', 'requestLine'],
  ['a version of letters', 'GET / HTTP/a.b\r\nHost: x\r\n\r\n', 'requestLine'],
  ['a long version', 'GET / HTTP/1.10\r\nHost: x\r\n\r\n', 'lineEnd'],
  ['version 2.0', 'GET / HTTP/2.0\r\nHost: x\r\n\r\n', 'version'],
  ['version 1.2', 'GET / HTTP/1.2\r\nHost: x\r\n\r\n', 'version'],
  ['version 0.9', 'GET / HTTP/0.9\r\n\r\n', 'version'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'method'],
  ['small letters', 'get / HTTP/1.1\r\nHost: x\r\n\r\n', 'method'],
  ['a method too long', 'PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n', 'method'],
  ['a method too long that has no end yet', 'PROPFIND', 'method'],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 'method'],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n', 'method'],
  ['TLS', '\x16\x03\x01\x02\0\x01\0', 'requestLine'],
  ['a target in absolute form', 'GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n', 'targetForm'],
  ['a target in authority form', 'GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n', 'targetForm'],
  ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 'targetForm'],
  ['no target', 'GET HTTP/1.1\r\nHost: x\r\n\r\n', 'targetForm'],
  ['a blank in the target', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 'requestLine'],
  ['a tab in the target', 'GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n', 'targetByte'],
  ['NUL in the target', 'GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n', 'targetByte'],
  ['DEL in the target', 'GET /a\x7fb HTTP/1.1\r\nHost: x\r\n\r\n', 'targetByte'],
  ['UTF-8 in the target', 'GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n', 'targetByte'],
  ['UTF-8 in the query', 'GET /?\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n', 'targetByte'],
  ['a line feed alone behind the request line', 'GET / HTTP/1.1\nHost: x\r\n\r\n', 'lineEnd'],
  ['a line feed alone behind a line', `${H}A: b\nC: d\r\n\r\n`, 'lineEnd'],
  ['a line feed alone at the end', `${H}\n`, 'lineEnd'],
  ['a carriage return alone', `${H}A: b\rC: d\r\n\r\n`, 'lineEnd'],
  ['a carriage return alone at the end', `${H}\r\rX`, 'lineEnd'],
  ['obs-fold', `${H}A: b\r\n c\r\n\r\n`, 'name'],
  ['obs-fold by a tab', `${H}A: b\r\n\tc\r\n\r\n`, 'name'],
  ['white space before the first line', `${G} Host: x\r\n\r\n`, 'name'],
  ['a blank before the colon', `${G}Host : x\r\n\r\n`, 'name'],
  ['a tab before the colon', `${H}Content-Length\t: 5\r\n\r\n`, 'name'],
  ['no name', `${H}: a\r\n\r\n`, 'name'],
  ['no colon', `${H}abc\r\n\r\n`, 'name'],
  ['NUL in a name', `${H}A\0: b\r\n\r\n`, 'name'],
  ['UTF-8 in a name', `${H}\xc3\xa4: b\r\n\r\n`, 'name'],
  ['NUL in a value', `${H}A: b\0\r\n\r\n`, 'value'],
  ['a vertical tab in a value', `${H}Transfer-Encoding: \x0bchunked\r\n\r\n`, 'value'],
  ['DEL in a value', `${H}A: \x7f\r\n\r\n`, 'value'],
  ['no Host', `${G}\r\n`, 'noHost'],
  ['two Hosts', `${H}Host: x\r\n\r\n`, 'twice'],
  ['two Hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: x\r\nhOST: y\r\n\r\n', 'twice'],
  ['a Host with user', `${G}Host: a@b\r\n\r\n`, 'host'],
  ['a Host with path', `${G}Host: a/b\r\n\r\n`, 'host'],
  ['a list of Hosts', `${G}Host: a, b\r\n\r\n`, 'host'],
  ['a Host with a blank', `${G}Host: a b\r\n\r\n`, 'host'],
  ['a Host of UTF-8', `${G}Host: \xe4\r\n\r\n`, 'host'],
  ['two tenants', `${H}X-Okapi-Tenant: a\r\nx-okapi-tenant: b\r\n\r\n`, 'twice'],
  ['two tokens', `${H}X-Okapi-Token: a\r\nA: b\r\nX-OKAPI-TOKEN: a\r\n\r\n`, 'twice'],
  [
    'two of one unknown X-Okapi-*',
    `${H}X-Okapi-A: a\r\nX-Okapi-B: b\r\nx-okapi-a: c\r\n\r\n`,
    'twice',
  ],
  ['two Authorizations', `${H}Authorization: a\r\nauthorization: a\r\n\r\n`, 'twice'],
  ['a tenant with _', `${H}X_Okapi_Tenant: a\r\n\r\n`, 'alias'],
  ['a tenant with one _', `${H}X-Okapi_Tenant: a\r\n\r\n`, 'alias'],
  ['an unknown X-Okapi-* with _', `${H}X-Okapi-a_b: a\r\n\r\n`, 'alias'],
  ['a length with _', `${H}Content_Length: 1\r\n\r\n`, 'alias'],
  ['a coding with _', `${H}Transfer_Encoding: chunked\r\n\r\n`, 'alias'],
  ['two lengths', `${H}Content-Length: 1\r\ncontent-length: 1\r\n\r\n`, 'twice'],
  ['a list of lengths', `${H}Content-Length: 1, 1\r\n\r\n`, 'length'],
  ['an empty length', `${H}Content-Length:\r\n\r\n`, 'length'],
  ['a length with a sign', `${H}Content-Length: +1\r\n\r\n`, 'length'],
  ['a negative length', `${H}Content-Length: -1\r\n\r\n`, 'length'],
  ['a hexadecimal length', `${H}Content-Length: 0x1\r\n\r\n`, 'length'],
  ['a length with a leading zero', `${H}Content-Length: 01\r\n\r\n`, 'length'],
  ['sixteen digits', `${H}Content-Length: 1000000000000000\r\n\r\n`, 'length'],
  ['other digits', `${H}Content-Length: \xb2\r\n\r\n`, 'length'],
  ['a length with a blank', `${H}Content-Length: 1 1\r\n\r\n`, 'length'],
  ['a length with a fraction', `${H}Content-Length: 1.0\r\n\r\n`, 'length'],
  ['two codings', `${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 'twice'],
  ['a list of codings', `${H}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'coding'],
  ['identity', `${H}Transfer-Encoding: identity\r\n\r\n`, 'coding'],
  ['no coding', `${H}Transfer-Encoding:\r\n\r\n`, 'coding'],
  ['chunked with a parameter', `${H}Transfer-Encoding: chunked;a=b\r\n\r\n`, 'coding'],
  ['chunked in quotes', `${H}Transfer-Encoding: "chunked"\r\n\r\n`, 'coding'],
  ['xchunked', `${H}Transfer-Encoding: xchunked\r\n\r\n`, 'coding'],
  [
    'length, then coding',
    `${H}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'lengthAndCoding',
  ],
  [
    'coding, then length',
    `${H}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`,
    'lengthAndCoding',
  ],
  ['coding in HTTP/1.0', 'GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'codingIn10'],
  ['Connection that names a tenant', `${H}Connection: X-Okapi-Tenant\r\n\r\n`, 'connection'],
  [
    'Connection that names a tenant with _',
    `${H}Connection: close, x_okapi_tenant\r\n\r\n`,
    'connection',
  ],
  ['Connection that names Host', `${H}Connection: host\r\n\r\n`, 'connection'],
  ['Connection that names Authorization', `${H}Connection: authorization\r\n\r\n`, 'connection'],
  [
    'Connection that names Cookie',
    `${H}Connection: close\r\nConnection: ,cookie\r\n\r\n`,
    'connection',
  ],
  ['Connection that names a length', `${H}Connection: Content-Length\r\n\r\n`, 'connection'],
  ['Connection that names a type', `${H}Connection: content-type\r\n\r\n`, 'connection'],
  ['Connection that names a coding', `${H}Connection: transfer-encoding\r\n\r\n`, 'connection'],
]

for (const [what, text, flaw] of BAD) {
  test(`a bad request head: ${what}`, (t) => {
    t.is(parse(text).end, FLAW[flaw])
    // However little of it is there: not yet known, or no; never a good head.
    for (let cut = 0; cut < text.length; cut++) t.true(parse(text.slice(0, cut)).end <= 0)
  })
}

test('what a head says', (t) => {
  const text = 'PATCH /a/b?c?d HTTP/1.1\r\nhOsT:  x:1\t\r\nCookie: a\r\ncookie:b\r\nE:\r\n\r\n'
  const { head } = parse(text)
  t.deepEqual(readHead(head), {
    method: 'PATCH',
    target: '/a/b?c?d',
    version: 11,
    status: 0,
    lines: [
      ['hOsT', 'x:1'],
      ['Cookie', 'a'],
      ['cookie', 'b'],
      ['E', ''],
    ],
  })
  t.is(head.bytes.toString('latin1', head.targetStart, head.pathEnd), '/a/b')
})

test('how the body ends', (t) => {
  const framing = (lines: string) => {
    const { head } = parse(`POST / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)
    return [head.framing, head.contentLength, head.hasBody]
  }
  t.deepEqual(framing(''), [FRAMING.none, 0, false])
  t.deepEqual(framing('Content-Length: 0\r\n'), [FRAMING.length, 0, false])
  t.deepEqual(framing('Content-Length: 120\r\n'), [FRAMING.length, 120, true])
  t.deepEqual(framing('Transfer-Encoding: chunked\r\n'), [FRAMING.chunked, 0, true])
})

test('whether the connection goes on', (t) => {
  const keeps = (version: string, lines: string) =>
    parse(`GET / HTTP/${version}\r\nHost: x\r\n${lines}\r\n`).head.keepAlive
  t.true(keeps('1.1', ''))
  t.false(keeps('1.1', 'Connection: close\r\n'))
  t.false(keeps('1.1', 'Connection: a, CLOSE\r\n'))
  t.false(keeps('1.1', 'Connection: close\r\nConnection: keep-alive\r\n'))
  t.false(keeps('1.1', 'Connection: keep-alive, close\r\n'))
  t.true(keeps('1.1', 'Connection: closed\r\n'))
  t.false(keeps('1.0', ''))
  t.true(keeps('1.0', 'Connection: Keep-Alive\r\n'))
  t.false(keeps('1.0', 'Connection: close, keep-alive\r\n'))
  t.false(keeps('1.0', 'Keep-Alive: timeout=5\r\n'))
})

test('what ends at this hop, and what Connection takes with it', (t) => {
  const { head } = parse(
    `${H}Connection: x-a, Accept\r\nX-A: 1\r\nx_a: 2\r\nAccept: 3\r\nX-B: 4\r\nTE: a\r\nUpgrade: h2c\r\n` +
      'HTTP2-Settings: a\r\nKeep-Alive: b\r\nProxy-Connection: c\r\nContent-Length: 1\r\n\r\n',
  )
  const names = readHead(head).lines.map(([name]) => name)
  const with_ = (action: number) => names.filter((_, line) => head.action[line] === action)
  t.deepEqual(with_(LINE.open), ['Host', 'X-B'])
  t.deepEqual(with_(LINE.framing), ['Content-Length'])
  t.is(with_(LINE.hop).length, names.length - 3)
})

test('whatever a caller expects, it may wait before its body', (t) => {
  t.true(parse(`${H}Expect: 100-Continue\r\n\r\n`).head.expects)
  t.true(parse(`${H}Expect: 200-ok\r\n\r\n`).head.expects)
  t.true(parse(`${H}Expect: 100-continue\r\nExpect: x\r\n\r\n`).head.expects)
  t.false(parse(`${H}\r\n`).head.expects)
})

test('limits, to the byte, whole or not', (t) => {
  const line = (length: number) => `GET /${'a'.repeat(length - 14)} HTTP/1.1\r\n`
  const limits = { requestLineBytes: 100, headerBytes: 60, headerCount: 4 }
  const flaw = (text: string) => parse(text, limits).end
  t.true(flaw(`${line(100)}Host: x\r\n\r\n`) > 0)
  t.is(flaw(`${line(101)}Host: x\r\n\r\n`), FLAW.lineTooLong)
  t.is(flaw(line(101).slice(0, 100)), 0)
  t.is(flaw(line(120).slice(0, 101)), FLAW.lineTooLong)
  const fields = (length: number) => `Host: x\r\nA: ${'b'.repeat(length - 16)}\r\n\r\n`
  t.true(flaw(G + fields(60)) > 0)
  t.is(flaw(G + fields(61)), FLAW.headTooLong)
  t.is(flaw(G + fields(100).slice(0, 60)), 0)
  t.is(flaw(G + fields(100).slice(0, 61)), FLAW.headTooLong)
  t.true(flaw(`${H}a:b\r\na:b\r\na:b\r\n\r\n`) > 0)
  t.is(flaw(`${H}a:b\r\na:b\r\na:b\r\na:b\r\n`), FLAW.tooManyLines)
})
