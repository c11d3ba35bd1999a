import fc from 'fast-check'
import { BODIES, ENDS, FRAMES, mostly, mutated } from './messages.ts'

const STATUS_LINES = mostly(
  [
    'HTTP/1.1 200 OK',
    'HTTP/1.1 204 No Content',
    'HTTP/1.1 304 Not Modified',
    'HTTP/1.1 404 Not Found \xe4',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 200 ',
    'HTTP/1.1 200',
    'HTTP/1.1 500 Internal\tError',
  ],
  [
    'HTTP/1.1 101 Switching Protocols',
    'HTTP/1.1 099 Odd',
    'HTTP/1.1 600 Odd',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 a\x00b',
    'HTTP/1.1 200 a\rb',
    'HTTP/2.0 200 OK',
    'HTTP/0.9 200 OK',
    'http/1.1 200 OK',
    ' HTTP/1.1 200 OK',
    'ICY 200 OK',
    'HTTP/1.1 abc OK',
    '',
  ],
)

const LINES = mostly(
  [
    'Content-Type: application/json',
    'X-Okapi-Trace: GET a',
    'x-okapi-trace: GET b',
    'Set-Cookie: a=b',
    'Connection: close',
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'Location: /a',
    'X: ',
    'Via:\t1.1 x ',
    'Vary: \xe4',
  ],
  [
    'X : a',
    ' folded',
    ': a',
    'X',
    'X: a\x00',
    'X: a\rb',
    'Connection: content-length',
    'Upgrade: h2c',
    'Transfer_Encoding: chunked',
    'Trailer: X',
  ],
)

/** What comes before the final answer. */
const INTERIM = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n',
      'HTTP/1.1 102 Processing\r\nContent-Length: 3\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\n'.repeat(3),
      'HTTP/1.1 100 Continue\n\r\n',
    ),
  },
)

/** An answer that is well formed more often than not, with its body. */
export const answers: fc.Arbitrary<string> = fc
  .record({
    interim: INTERIM,
    start: STATUS_LINES,
    lines: fc.array(LINES, { maxLength: 4 }),
    frames: fc.oneof(
      { weight: 8, arbitrary: fc.array(FRAMES, { maxLength: 1 }) },
      { weight: 1, arbitrary: fc.array(FRAMES, { minLength: 2, maxLength: 2 }) },
    ),
    ends: fc.array(ENDS, { minLength: 8, maxLength: 8 }),
    body: BODIES,
  })
  .map(({ interim, start, lines, frames, ends, body }) => {
    const all = [start, ...lines, ...frames]
    return `${interim}${all.map((line, i) => line + ends[i % ends.length]!).join('')}${ends[7]!}${body}`
  })

/** Ordinary answers, and answers that should never occur. */
export const anyAnswers: fc.Arbitrary<string> = fc.oneof(answers, mutated(answers))

export const askedBy: fc.Arbitrary<string> = fc.constantFrom('GET', 'GET', 'HEAD')
