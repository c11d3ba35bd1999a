import { framingTrick, hidden } from '../framing-trick.ts'

/** Lax readers find `chunked` in it, strict ones see no body. */
export const smuggleTeObscured = framingTrick({
  id: 'smuggle-te-obscured',
  title: 'Transfer-Encoding: xchunked',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Transfer-Encoding', 'xchunked']], body: `0\r\n\r\n${hidden(context)}` }
  },
})
