import { post, SMUGGLED, type Trick } from './trick.ts'

const INNER = `0\r\n\r\n${SMUGGLED}`

/** Lines that leave it open where the body ends. */
const LINES: readonly (readonly [what: string, kin: string, lines: readonly string[]])[] = [
  ['CL.TE', 'Node CVE-2022-32213', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['TE.CL', 'Node CVE-2022-32213', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  [
    'TE.TE, the second obscured',
    'Node CVE-2022-32215',
    ['Transfer-Encoding: chunked', 'Transfer-encoding: cow'],
  ],
  [
    'two lines of chunked',
    'Node CVE-2022-32215',
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  ],
  ['a list of codings', 'Node CVE-2022-32215', ['Transfer-Encoding: chunked, identity']],
  ['xchunked', 'Node CVE-2022-32214', ['Transfer-Encoding: xchunked', 'Content-Length: 4']],
  ['chunked behind a vertical tab', 'Node CVE-2022-32215', ['Transfer-Encoding: \x0bchunked']],
  ['chunked in quotes', 'Node CVE-2022-32215', ['Transfer-Encoding: "chunked"']],
  ['chunked with a parameter', 'Node CVE-2022-32215', ['Transfer-Encoding: chunked;foo=bar']],
  [
    'Transfer_Encoding',
    'Traefik CVE-2026-39858',
    ['Transfer_Encoding: chunked', 'Content-Length: 4'],
  ],
  [
    'a blank before the colon of TE',
    'Node CVE-2021-22959',
    ['Transfer-Encoding : chunked', 'Content-Length: 4'],
  ],
  ['chunked before a TAB', 'llhttp', ['Transfer-Encoding: chunked\t']],
  ['chunked behind a TAB', 'llhttp', ['Transfer-Encoding:\tchunked']],
  ['a length before a TAB', 'llhttp', ['Content-Length: 4\t']],
  ['a length before a blank', 'llhttp', ['Content-Length: 4 ']],
  ['a folded TE', 'Node CVE-2022-32215', ['Transfer-Encoding:', ' chunked']],
  [
    'a hidden TE behind a bare CR',
    'Node CVE-2023-30589',
    ['A: b\rTransfer-Encoding: chunked', 'Content-Length: 4'],
  ],
  [
    'a hidden TE behind a bare LF',
    'Node CVE-2022-32214',
    ['A: b\nTransfer-Encoding: chunked', 'Content-Length: 4'],
  ],
  ['two lengths', 'undici CVE-2026-1525', ['Content-Length: 4', 'content-length: 40']],
  ['two equal lengths', 'undici CVE-2026-1525', ['Content-Length: 4', 'CONTENT-LENGTH: 4']],
  ['an empty length', 'HAProxy CVE-2023-40225', ['Content-Length:']],
  [
    'an empty length before another',
    'HAProxy CVE-2023-40225',
    ['Content-Length: ', 'Content-Length: 4'],
  ],
  ['a list of lengths', 'HAProxy CVE-2021-40346', ['Content-Length: 4, 40']],
  ['a length with a sign', 'Node CVE-2018-7159', ['Content-Length: +4']],
  ['a negative length', 'HAProxy CVE-2021-40346', ['Content-Length: -4']],
  ['a length with blanks', 'Node CVE-2018-7159', ['Content-Length: 4 0']],
  ['an octal length', 'Node CVE-2018-7159', ['Content-Length: 04']],
  ['a hexadecimal length', 'Node CVE-2018-7159', ['Content-Length: 0x4']],
  ['a length of many digits', 'HAProxy CVE-2021-40346', ['Content-Length: 18446744073709551620']],
  ['a blank before Content-Length', 'Node CVE-2024-27982', [' Content-Length: 4']],
  ['a blank behind Content-Length', 'Node CVE-2024-27982', ['Content-Length : 4']],
  ['an empty name', 'HAProxy CVE-2023-25725', [': a', 'Content-Length: 4']],
  ['a line that is no field', 'HAProxy CVE-2023-25725', ['abc', 'Content-Length: 4']],
  ['a name with NUL', 'Envoy CVE-2019-9900', ['Content-Length\0: 4']],
  ['a value with NUL', 'Envoy CVE-2019-9900', ['Content-Length: 4\0']],
  [
    'Connection that names the length',
    'Apache CVE-2022-31813',
    ['Connection: Content-Length', 'Content-Length: 4'],
  ],
  [
    'Connection that names the coding',
    'Apache CVE-2022-31813',
    ['Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'],
  ],
]

const CHUNKED = ['Transfer-Encoding: chunked']

/** Chunked bodies that two readers could end at different places. */
const BODIES: readonly (readonly [what: string, kin: string, body: string])[] = [
  ['a size with a sign', 'Node CVE-2020-8287', '+1\r\na\r\n0\r\n\r\n'],
  ['a size with 0x', 'Node CVE-2020-8287', '0x1\r\na\r\n0\r\n\r\n'],
  ['a size with blanks', 'Caddy/Go chunk parsing', '1 \r\na\r\n0\r\n\r\n'],
  ['a size that is 1 in 32 bits', 'Netty 4.1.128', '100000001\r\na\r\n0\r\n\r\n'],
  ['a size that is below 0 in 32 bits', 'JDK HttpServer', 'ffffffff\r\na\r\n0\r\n\r\n'],
  ['a size of many digits', 'HAProxy CVE-2021-40346', '10000000000000001\r\na\r\n0\r\n\r\n'],
  ['no size', 'Node CVE-2020-8287', '\r\na\r\n0\r\n\r\n'],
  ['a bare LF behind the size', 'Go CVE-2025-22871', '1\na\r\n0\r\n\r\n'],
  ['a bare LF in an extension', 'Go CVE-2025-22871', '1;a\nb\r\na\r\n0\r\n\r\n'],
  ['a bare CR behind the size', 'Node CVE-2023-30589', '1\ra\r\n0\r\n\r\n'],
  ['data that spills', 'Node CVE-2022-32215', '1\r\naXX0\r\n\r\n'],
  ['a bare LF behind the data', 'Go CVE-2025-22871', '1\r\na\n0\r\n\r\n'],
  ['CR LF X at the end', 'Node CVE-2025-23167', '0\r\n\rX'],
  ['endless extensions', 'Node CVE-2024-22019', `1;${'a'.repeat(10_000)}\r\na\r\n0\r\n\r\n`],
  ['many small extensions', 'Node CVE-2024-22019', '1;a=b\r\na\r\n'.repeat(2000)],
  ['a length in the trailers', 'RFC 9110 6.5.1', `0\r\nContent-Length: 40\r\n\r\n`],
  ['a coding in the trailers', 'RFC 9110 6.5.1', `0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['a folded trailer', 'Node CVE-2022-32215', '0\r\nA: b\r\n c\r\n\r\n'],
  ['a broken trailer', 'Node CVE-2021-22959', '0\r\nA : b\r\n\r\n'],
  ['endless trailers', 'Node CVE-2024-22019', `0\r\n${'A: b\r\n'.repeat(5000)}\r\n`],
]

const INSIDE = SMUGGLED.replace('{P}', '')
const CHUNK = `${INSIDE.length.toString(16)}\r\n${INSIDE}\r\n`

/** Bodies whose end every reader finds, whatever is in them. */
const HARMLESS: readonly (readonly [what: string, bytes: string])[] = [
  ['a request within a body by length', post([`Content-Length: ${INSIDE.length}`], INSIDE)],
  ['a request within a chunk', post(CHUNKED, `${CHUNK}0\r\n\r\n`)],
  ['extensions', post(CHUNKED, '1;a;b=c;d="e\\"\\\\"\r\na\r\n0;f\r\n\r\n')],
  ['trailers', post([...CHUNKED, 'Trailer: A'], '1\r\na\r\n0\r\nA: b\r\nX-Okapi-Token: t\r\n\r\n')],
  ['sizes with zeros and capitals', post(CHUNKED, '0000000A\r\n0123456789\r\n000\r\n\r\n')],
]

/** Everything about where a body ends. */
export const FRAMING: readonly Trick[] = [
  ...LINES.map(([what, kin, lines]) => ({
    what,
    kin,
    bytes: post(lines, INNER),
    becomes: 'refused' as const,
  })),
  ...BODIES.map(([what, kin, body]) => ({
    what,
    kin,
    bytes: post(CHUNKED, body) + SMUGGLED,
    becomes: 'breaks' as const,
  })),
  ...HARMLESS.map(([what, bytes]) => ({
    what,
    kin: 'what is allowed',
    bytes,
    becomes: 'crosses' as const,
  })),
  {
    what: 'coding in HTTP/1.0',
    kin: 'RFC 9112 6.1',
    bytes: `POST {P}/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${INNER}`,
    becomes: 'refused',
  },
  {
    what: 'a body behind GET without a length',
    kin: 'Node CVE-2022-32213',
    bytes: 'GET {P}/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nX'.concat(SMUGGLED),
    becomes: 'crosses',
  },
]
