import fc from 'fast-check'

/** One of these, or anything else now and then. */
export function mostly(usual: readonly string[], odd: readonly string[]) {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  )
}

const METHODS = mostly(
  ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'],
  ['get', 'CONNECT', 'TRACE', 'PRI', 'GETT', 'G', '', 'PROPFIND', 'GET\t', ' GET'],
)

const TARGETS = mostly(
  ['/', '/a', '/users/1?query=name%3D%22a..b%22//;x', '/a?', '/a%20b', '/~a/b-c_d.e'],
  ['*', 'http://x/', 'x:1', '', '/ä', '/a b', '/a\tb', '//x', '/%', '/a#b', '/\x7f', '/\x00', '?'],
)

const VERSIONS = mostly(
  ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'],
  [
    'HTTP/2.0',
    'HTTP/1.2',
    'HTTP/0.9',
    'http/1.1',
    'HTTP/1.1 ',
    'HTTP/11',
    'HTTP/1.01',
    '',
    'XTTP/1.1',
  ],
)

export const ENDS = fc.oneof(
  { weight: 30, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\n\r\n', '\r\n ', ' \r\n', '') },
)

const LINES = mostly(
  [
    'Host: x',
    'Accept: */*',
    'X-Okapi-Tenant: diku',
    'X-Okapi-Token: a.b.c',
    'accept:a',
    'Cookie: a=b',
    'Via:\t1.1 x\t ',
    'X: ',
    'X-Y:  a b\xe4 ',
    'Connection: keep-alive',
    'Connection: close',
    'Connection: x-y, te',
    'TE: trailers',
    'Keep-Alive: timeout=5',
    'Expect: 100-continue',
    'Upgrade: h2c',
    '__proto__: a',
    'constructor: b',
  ],
  [
    ': a',
    'X : a',
    ' X: a',
    'X',
    'X Y: a',
    'X-Okapi-Tenant: two',
    'X_Okapi_Tenant: three',
    'x-okapi-tenant: four',
    'Host: y',
    'Host: a b',
    'Host: a@b',
    'Host:',
    'X: a\x00b',
    'X: a\rb',
    'X: a\x0bb',
    'X: \x7f',
    'X\x00: a',
    'Ä: a',
    'Connection: host',
    'Connection: X-Okapi-Tenant',
    'Connection: upgrade',
    'Proxy-Connection: keep-alive',
    'Content-Encoding: gzip',
    'Trailer: X',
  ],
)

export const FRAMES = mostly(
  [
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    'content-length: 0',
    'transfer-encoding:CHUNKED',
  ],
  [
    'Content-Length: 03',
    'Content-Length: +3',
    'Content-Length: -1',
    'Content-Length: 3, 3',
    'Content-Length: 3 3',
    'Content-Length: 0x3',
    'Content-Length:',
    'Content-Length: 99999999999999999999',
    'Content_Length: 3',
    'Content-Length : 3',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding:',
    'Transfer_Encoding: chunked',
    'Transfer-Encoding : chunked',
  ],
)

const CHUNKS = mostly(
  [
    '3\r\nabc\r\n',
    'a\r\n0123456789\r\n',
    '03\r\nx\r\n\r\n',
    '1;a=b\r\nx\r\n',
    '1;a="q;\\"\r\nx\r\n',
    '1;a\r\nx\r\n',
  ],
  [
    '3 \r\nabc\r\n',
    ' 3\r\nabc\r\n',
    '+3\r\nabc\r\n',
    '0x3\r\nabc\r\n',
    '3\nabc\r\n',
    '3\r\nabcd\r\n',
    '3\r\nabc\n',
    '3\r\nabc',
    '\r\n',
    '3;\r\nabc\r\n',
    '3;a=\nb\r\nabc\r\n',
    '3;a b\r\nabc\r\n',
    '3;a = b\r\nabc\r\n',
    '3; a=b\r\nabc\r\n',
    '3;a="\x00"\r\nabc\r\n',
    '3\r\r\nabc\r\n',
    '10000000000000003\r\nabc\r\n',
    'FFFFFFFFFFFFFFFF\r\nabc\r\n',
    'g\r\nabc\r\n',
    '-3\r\nabc\r\n',
  ],
)

const TRAILERS = mostly(
  [
    '0\r\n\r\n',
    '0\r\n\r\n',
    '000\r\n\r\n',
    '0;a\r\n\r\n',
    '0\r\nX: y\r\n\r\n',
    '0\r\nA: b\r\nC:d\r\n\r\n',
  ],
  [
    '0\r\nContent-Length: 5\r\n\r\n',
    '0\r\nX : y\r\n\r\n',
    '0\r\n X: y\r\n\r\n',
    '0\r\nX: y\n\r\n',
    '0\r\n\n',
    '0\n\r\n',
    '0\r\nX\r\n\r\n',
    '0\r\nHost: y\r\n\r\n',
    '0\r\nTransfer-Encoding: chunked\r\n\r\n',
    '0\r\n: y\r\n\r\n',
    '0\r\nX: a\x00\r\n\r\n',
    '0\r\n',
    '',
  ],
)

export const BODIES = fc.oneof(
  fc.constant(''),
  fc.constantFrom('abc', 'ab', 'abcd', 'GET /inner HTTP/1.1\r\nHost: i\r\n\r\n'),
  fc
    .tuple(fc.array(CHUNKS, { maxLength: 3 }), TRAILERS)
    .map(([chunks, last]) => chunks.join('') + last),
)

/** A request that is well formed more often than not, with its body. */
export const requests: fc.Arbitrary<string> = fc
  .record({
    start: fc.tuple(METHODS, TARGETS, VERSIONS).map((parts) => parts.join(' ')),
    host: mostly(['Host: x'], ['', 'Accept: b']),
    lines: fc.array(LINES, { maxLength: 5 }),
    frames: fc.oneof(
      { weight: 8, arbitrary: fc.array(FRAMES, { maxLength: 1 }) },
      { weight: 1, arbitrary: fc.array(FRAMES, { minLength: 2, maxLength: 2 }) },
    ),
    ends: fc.array(ENDS, { minLength: 10, maxLength: 10 }),
    body: BODIES,
  })
  .map(({ start, host, lines, frames, ends, body }) => {
    const all = [start, host, ...lines, ...frames].filter((line) => line !== '')
    return `${all.map((line, i) => line + ends[i % ends.length]!).join('')}${ends[9]!}${body}`
  })

/** A request whose framing fits its body. */
export const goodRequests: fc.Arbitrary<string> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
    target: fc.constantFrom('/', '/a/b', '/users?query=a%2F..//b'),
    lines: fc.array(fc.constantFrom('Accept: a', 'X-Y:\tb ', 'Cookie: c', 'TE: trailers', 'E:'), {
      maxLength: 4,
    }),
    data: fc.array(
      fc.string({
        unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)),
        minLength: 1,
        maxLength: 40,
      }),
      { maxLength: 4 },
    ),
    chunked: fc.boolean(),
    trailer: fc.constantFrom('', 'X-T: 1\r\n', 'X-T: 1\r\nX-U:\r\n'),
    extension: fc.constantFrom('', ';a', ';a=b', ';a="\\"\r"'.replace('\r', '')),
  })
  .map(({ method, target, lines, data, chunked, trailer, extension }) => {
    const frame = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${data.join('').length}`
    const head = [`${method} ${target} HTTP/1.1`, 'Host: x', ...lines, frame, '', ''].join('\r\n')
    if (!chunked) return head + data.join('')
    const chunks = data.map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`)
    return `${head}${chunks.join('')}0${extension}\r\n${trailer}\r\n`
  })

const HOSTILE = fc.constantFrom(
  ...[
    '\r',
    '\n',
    '\r\n',
    '\0',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '_',
    '-',
    '"',
    '0',
    '1',
    'f',
    'G',
    '\x7f',
    '\x80',
    '\xff',
    '\x0b',
    '/',
    '%',
    '#',
    '.',
  ],
)

/**
 * A place in a text, as a fraction of its length. `fc.double` is unsuitable: it draws any floating point numbers, and all
 * but a few of those between 0 and 1 are next to 0.
 */
export const fractions: fc.Arbitrary<number> = fc.nat(9999).map((part) => part / 10_000)

/** A few bytes put in, taken out or changed anywhere in the text. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.tuple(fractions, fc.nat(2), HOSTILE)
  return fc
    .tuple(texts, fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([text, changes]) => {
      let result = text
      for (const [place, out, put] of changes) {
        const i = Math.floor(place * (result.length + 1))
        result = result.slice(0, i) + put + result.slice(i + out)
      }
      return result
    })
}

/** Everything that a connection may bring: good, odd and broken messages, one behind the other. */
export const connections: fc.Arbitrary<string> = fc
  .array(fc.oneof(requests, goodRequests, mutated(goodRequests), mutated(requests)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((messages) => messages.join(''))

/** Places at which a text is cut, as fractions of its length. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fractions, { maxLength: 5 })

/** The cuts as positions in a text. */
export function placed(text: string, fractions: readonly number[]): number[] {
  return fractions.map((fraction) => Math.round(fraction * text.length))
}
