import { framingTrick, hidden } from '../framing-trick.ts'

/** RFC 9112 section 6.1: both Content-Length and Transfer-Encoding is an attempt at smuggling. */
export const smuggleClTe = framingTrick({
  id: 'smuggle-cl-te',
  title: 'a request smuggled behind CL and TE',
  remedy: 'Refuse messages with both Content-Length and Transfer-Encoding, and close.',
  message(context) {
    const body = `0\r\n\r\n${hidden(context)}`
    const lines = [
      ['Content-Length', String(body.length)],
      ['Transfer-Encoding', 'chunked'],
    ] as const
    return { lines, body }
  },
})
