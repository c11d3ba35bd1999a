import type { WireFlaw } from '../../src/wire/flaws.ts'

/** Something that we refuse although Node's own parser takes it. */
export interface Difference {
  readonly flaw: WireFlaw
  /** Bytes that show it: Node takes them. */
  readonly example: string
  readonly why: string
}

/**
 * Where the engine is stricter than Node with requests, and why. There is no table of the opposite:
 * nothing that Node refuses is taken.
 */
export const REQUESTS: readonly Difference[] = [
  {
    flaw: 'requestLine',
    example: '\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n',
    why: 'RFC 9112 section 2.2 lets a server skip an empty line; what one skips another may count',
  },
  {
    flaw: 'method',
    example: 'PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n',
    why: 'FOLIO has seven methods; a tunnel (CONNECT) or an echo (TRACE) is never wanted',
  },
  {
    flaw: 'targetForm',
    example: 'GET http://evil/ HTTP/1.1\r\nHost: x\r\n\r\n',
    why: 'a second authority beside Host, and `*`, are for no reader here',
  },
  {
    flaw: 'version',
    example: 'GET / HTTP/2.0\r\nHost: x\r\n\r\n',
    why: 'what says 2.0 and looks like 1.1 is neither; 0.9 has no head',
  },
  {
    flaw: 'twice',
    example: 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
    why: 'Node keeps the first Host; Okapi, RMB and Tomcat differ in which of two they read',
  },
  {
    flaw: 'alias',
    example: 'GET / HTTP/1.1\r\nHost: x\r\nX_Okapi_Tenant: a\r\n\r\n',
    why: 'servers that make variables of names read _ and - alike (Traefik CVE-2026-39858)',
  },
  {
    flaw: 'length',
    example: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 03\r\n\r\nabc',
    why: 'a leading zero is octal to some, more than 15 digits are no exact number to others',
  },
  {
    flaw: 'coding',
    example: 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    why: 'only `chunked` by itself is read alike by all (Node CVE-2022-32215)',
  },
  {
    flaw: 'codingIn10',
    example: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    why: 'RFC 9112 section 6.1: faulty framing; an HTTP/1.0 reader knows no chunks',
  },
  {
    flaw: 'connection',
    example: 'GET / HTTP/1.1\r\nHost: x\r\nConnection: X-Okapi-Tenant\r\n\r\n',
    why: 'it would take a header off that decides (Apache CVE-2022-31813, Traefik CVE-2024-45410)',
  },
  {
    flaw: 'host',
    example: 'GET / HTTP/1.1\r\nHost: a@b/c\r\n\r\n',
    why: 'no host[:port]: two readers could take different authorities from it',
  },
  {
    flaw: 'tooManyLines',
    example: `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(200)}\r\n`,
    why: 'limits.headerCount; Node drops what is too much in silence',
  },
  {
    flaw: 'lineTooLong',
    example: `GET /${'a'.repeat(16_384)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    why: 'limits.requestLineBytes; Node knows only the size of the whole head',
  },
  {
    flaw: 'headTooLong',
    example: `GET / HTTP/1.1\r\nHost: x\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(66)}\r\n`,
    why: 'limits.headerBytes; the oracle is set to take a mebibyte',
  },
  {
    flaw: 'chunk',
    example: `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${'0'.repeat(12)}\r\n\r\n`,
    why: 'sizes of more than 11 digits overflow somewhere (Node CVE-2024-22019 and its kin)',
  },
]

/** The same for answers of upstreams. */
export const RESPONSES: readonly Difference[] = [
  {
    flaw: 'status',
    example: 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n',
    why: 'RFC 9110 section 15: statuses are 100 to 599',
  },
  {
    flaw: 'twice',
    example: 'HTTP/1.1 200 OK\r\nHost: x\r\nHost: y\r\nContent-Length: 0\r\n\r\n',
    why: 'names that frame a message or steer it stand once, in answers too',
  },
  {
    flaw: 'alias',
    example: 'HTTP/1.1 200 OK\r\nContent_Length: 5\r\nContent-Length: 0\r\n\r\n',
    why: 'a reader that takes _ for - would end the body elsewhere',
  },
  {
    flaw: 'length',
    example: 'HTTP/1.1 200 OK\r\nContent-Length: 03\r\n\r\nabc',
    why: 'as in requests',
  },
  {
    flaw: 'coding',
    example: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc',
    why: 'as in requests; nothing is decoded here',
  },
  {
    flaw: 'codingIn10',
    example: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    why: 'as in requests',
  },
  {
    flaw: 'connection',
    example: 'HTTP/1.1 200 OK\r\nConnection: content-type\r\nContent-Length: 0\r\n\r\n',
    why: 'as in requests',
  },
  {
    flaw: 'tooManyLines',
    example: `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(200)}Content-Length: 0\r\n\r\n`,
    why: 'limits.headerCount',
  },
  {
    flaw: 'headTooLong',
    example: `HTTP/1.1 200 OK\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(66)}Content-Length: 0\r\n\r\n`,
    why: 'limits.headerBytes',
  },
  {
    flaw: 'chunk',
    example: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'0'.repeat(12)}\r\n\r\n`,
    why: 'as in requests',
  },
]

/**
 * The one case in which we read on and Node does not: behind a request that offers an upgrade Node
 * drops what follows, although it upgrades nothing. A server may ignore the offer (RFC 9110 section
 * 7.8); neither it nor `Connection: upgrade` goes on, so the next reader never sees one.
 */
export function nodeStopsBehind(lines: readonly (readonly [string, string])[]): boolean {
  const has = (name: string, value: RegExp) =>
    lines.some((line) => line[0].toLowerCase() === name && value.test(line[1]))
  return has('upgrade', /./) && has('connection', /upgrade/i)
}
