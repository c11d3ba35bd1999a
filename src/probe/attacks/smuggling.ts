import type { Attack } from '../attack.ts'
import { ordinaryRequest, smuggledRequest } from '../calls.ts'
import type { Context } from '../context.ts'
import { send } from '../conversation.ts'
import { findingOf, smuggledAnswer } from '../finding.ts'
import { honest, type Lines, requestBytes } from '../http.ts'

/** An answer to a smuggled request would come right after the expected answer. */
const LINGER_MS = 300
const REFUSE = 'Refuse framing that two readers could understand differently, and close.'
const CHUNKED: Lines = [['Transfer-Encoding', 'chunked']]

/**
 * A GET of the ordinary path that is one request to one reader and two to another. A POST would have to use
 * the tenant that does not exist, and would be refused for that alone.
 */
interface SmugglingRow {
  readonly id: string
  readonly title: string
  readonly remedy?: string
  /** The framing lines; `length` is that of the whole body. */
  readonly lines: Lines | ((length: string) => Lines)
  /** The body; by default an empty chunked one with the smuggled request behind it. */
  readonly body?: (smuggled: string) => string
}

const SMUGGLING: readonly SmugglingRow[] = [
  // Lax readers end the line there, strict ones read on (TERM.EXT and similar).
  {
    id: 'chunk-bare-lf',
    title: 'a chunk that ends in a bare LF',
    lines: CHUNKED,
    body: (smuggled) => `0\n\n${smuggled}`,
  },
  // A reader that skips two bytes without checking them finds a size line in the data (TERM.SPILL).
  {
    id: 'chunk-data-spill',
    title: 'chunk data longer than it says',
    lines: CHUNKED,
    body: (smuggled) => `2\r\nabXX0\r\n\r\n${smuggled}`,
  },
  // A byte of data costs kilobytes of extension: CVE-2023-39326, CVE-2024-22019.
  {
    id: 'chunk-extension-huge',
    title: 'chunk extensions without end',
    lines: CHUNKED,
    body: () => `1;${'a'.repeat(256 * 1024)}\r\nx\r\n0\r\n\r\n`,
  },
  // One reader ends the size line there, another at the CRLF behind (TERM.EXT).
  {
    id: 'chunk-extension-lf',
    title: 'a bare LF in a chunk extension',
    lines: CHUNKED,
    body: (smuggled) => `0;a\nb\r\n\r\n${smuggled}`,
  },
  // Readers of 64 bits wrap around to 0 and find a request behind the last chunk.
  {
    id: 'chunk-size-overflow',
    title: 'a chunk size that overflows',
    lines: CHUNKED,
    body: (smuggled) => `10000000000000000\r\n\r\n${smuggled}`,
  },
  // The same in 32 bits: Netty (4.1.128), and so Okapi, and the JDK's HttpServer.
  {
    id: 'chunk-size-overflow-32',
    title: 'a chunk size that overflows 32 bits',
    lines: CHUNKED,
    body: (smuggled) => `100000000\r\n\r\n${smuggled}`,
  },
  // Number parsers accept it; RFC 9112 section 7.1 allows hexadecimal digits only.
  {
    id: 'chunk-size-sign',
    title: 'a chunk size with a sign or 0x',
    lines: CHUNKED,
    body: (smuggled) => `0x0\r\n\r\n${smuggled}`,
  },
  // RFC 9112 section 6.3: unrecoverable; one reader uses the first, another the last.
  {
    id: 'smuggle-cl-cl',
    title: 'two different Content-Length',
    lines: (length) => [
      ['Content-Length', '0'],
      ['Content-Length', length],
    ],
    body: (smuggled) => smuggled,
  },
  // 64-bit readers wrap around to a small number.
  {
    id: 'smuggle-cl-huge',
    title: 'Content-Length of twenty digits',
    lines: [['Content-Length', '18446744073709551616']],
    body: (smuggled) => smuggled,
  },
  // Readers use the first, the whole as a number, or nothing.
  {
    id: 'smuggle-cl-list',
    title: 'Content-Length: 0, 0',
    lines: [['Content-Length', '0, 0']],
    body: (smuggled) => smuggled,
  },
  // Number parsers accept a sign; RFC 9112 section 6.2 allows digits only.
  {
    id: 'smuggle-cl-sign',
    title: 'Content-Length: +0',
    lines: [['Content-Length', '+0']],
    body: (smuggled) => smuggled,
  },
  // Readers stop at the blank, or join what is around it.
  {
    id: 'smuggle-cl-space',
    title: 'a Content-Length with a blank in it',
    lines: [['Content-Length', '0 9']],
    body: (smuggled) => smuggled,
  },
  // RFC 9112 section 6.1: both Content-Length and Transfer-Encoding is an attempt at smuggling.
  {
    id: 'smuggle-cl-te',
    title: 'a request smuggled behind CL and TE',
    remedy: 'Refuse messages with both Content-Length and Transfer-Encoding, and close.',
    lines: (length) => [['Content-Length', length], ...CHUNKED],
  },
  // RFC 9112 section 6.1: a reader that believes Content-Length finds a second request.
  {
    id: 'smuggle-te-cl',
    title: 'a request smuggled behind TE and CL',
    lines: [...CHUNKED, ['Content-Length', '4']],
    body: (smuggled) => `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  },
  // Lax readers find `chunked` in it, strict ones see no body.
  {
    id: 'smuggle-te-obscured',
    title: 'Transfer-Encoding: xchunked',
    lines: [['Transfer-Encoding', 'xchunked']],
  },
  // RFC 9112 section 5.1: one reader drops the line, another believes it.
  {
    id: 'smuggle-te-space',
    title: 'Transfer-Encoding before a blank',
    lines: (length) => [
      ['Content-Length', length],
      ['Transfer-Encoding ', 'chunked'],
    ],
  },
  // One reader uses the first, another the last, a third both.
  {
    id: 'smuggle-te-te',
    title: 'Transfer-Encoding twice',
    lines: [...CHUNKED, ['Transfer-Encoding', 'identity']],
  },
  // A reader that knows no gzip falls back to no body at all.
  {
    id: 'smuggle-te-unknown',
    title: 'Transfer-Encoding: gzip, chunked',
    lines: [['Transfer-Encoding', 'gzip, chunked']],
  },
  // Lax readers trim any white space, strict ones only SP and HTAB (RFC 9110 section 5.6.3).
  {
    id: 'smuggle-te-vertical-tab',
    title: 'Transfer-Encoding: \\x0bchunked',
    lines: (length) => [
      ['Content-Length', length],
      ['Transfer-Encoding', '\x0bchunked'],
    ],
  },
]

function smugglingMessage(context: Context, { lines, body }: SmugglingRow): Buffer {
  const smuggled = smuggledRequest(context)
  const text = body?.(smuggled) ?? `0\r\n\r\n${smuggled}`
  const framing = typeof lines === 'function' ? lines(String(text.length)) : lines
  return requestBytes({
    target: context.ordinaryPath,
    lines: [...honest(context), ...framing],
    body: text,
  })
}

/** A GET whose head two readers parse differently; nothing is smuggled in it. */
type MalformedRow = readonly [id: string, title: string, message: (context: Context) => Buffer]

const MALFORMED: readonly MalformedRow[] = [
  // RFC 9112 section 2.2 lets lax readers accept it, so two readers may see two heads.
  [
    'bare-lf-head',
    'a head with bare LF for CRLF',
    (context) =>
      Buffer.from(ordinaryRequest(context).toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
  ],
  // Without version and header lines (HTTP/0.9), checks of header lines do not happen.
  [
    'http-0-9',
    'a request of HTTP/0.9',
    ({ ordinaryPath }) => Buffer.from(`GET ${ordinaryPath}\r\n\r\n`, 'latin1'),
  ],
  // An unknown method cannot be judged.
  [
    'http-version',
    'HTTP/1.2 and HTTP/2.9',
    (context) => ordinaryRequest(context, { version: '2.9' }),
  ],
  // Lax readers skip it, or read the line as a folded one.
  [
    'leading-space-line',
    'a blank before the request line',
    (context) => Buffer.concat([Buffer.from(' '), ordinaryRequest(context)]),
  ],
  // RFC 9112 section 2.2: some join it to the request line, some drop it.
  [
    'space-first-line',
    'a blank before the first header line',
    (context) =>
      ordinaryRequest(context, { lines: [[' X-Okapi-Permissions', '[]'], ...honest(context)] }),
  ],
]

const COMMON = {
  group: 'framing',
  judged: 'More answers than requests, or any answer but a refusal to the ambiguous one.',
} as const

async function oneAnswerAtMost(context: Context, bytes: Buffer) {
  const transcript = await send(context, bytes, { methods: ['GET'], lingerMs: LINGER_MS })
  return smuggledAnswer(transcript, 1) ?? findingOf(transcript)
}

/** Smuggling: two readers count different numbers of requests. */
export const SMUGGLING_ATTACKS: readonly Attack[] = [
  ...SMUGGLING.map(
    (row): Attack => ({
      ...COMMON,
      id: row.id,
      title: row.title,
      meaning: 'A second request hides behind the first: it is served and was never authorized.',
      remedy: row.remedy ?? REFUSE,
      run: (context) => oneAnswerAtMost(context, smugglingMessage(context, row)),
    }),
  ),
  ...MALFORMED.map(
    ([id, title, message]): Attack => ({
      ...COMMON,
      id,
      title,
      meaning: 'A message that two readers take apart differently opens the way to smuggling.',
      remedy: REFUSE,
      run: (context) => oneAnswerAtMost(context, message(context)),
    }),
  ),
]
