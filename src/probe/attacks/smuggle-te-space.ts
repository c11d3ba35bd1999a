import { framingTrick, hidden } from '../framing-trick.ts'

/** RFC 9112 section 5.1: one reader drops the line, another believes it. */
export const smuggleTeSpace = framingTrick({
  id: 'smuggle-te-space',
  title: 'Transfer-Encoding before a blank',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const body = `0\r\n\r\n${hidden(context)}`
    const lines = [
      ['Content-Length', String(body.length)],
      ['Transfer-Encoding ', 'chunked'],
    ] as const
    return { lines, body }
  },
})
