import fc from 'fast-check'

/** Bytes that parsers stumble over, more often than others. */
const byte = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...'GET POST / HTTP/1.1\r\n:;,=0123456789abcdef ') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('\r\n', '\r\n\r\n', 'Host: x\r\n', ' HTTP/1.1\r\n', 'GET /'),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  },
)

/** Anything at all, behind a good beginning now and then. */
export const randomBytesOf: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(
      '',
      'GET / HTTP/1.1\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n',
    ),
    fc.array(byte, { maxLength: 60 }),
  )
  .map(([start, bytes]) => start + bytes.join(''))
