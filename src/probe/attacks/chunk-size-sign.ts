import { framingTrick, hidden } from '../framing-trick.ts'

/** Number parsers take it, RFC 9112 section 7.1 has hexadecimal digits only. */
export const chunkSizeSign = framingTrick({
  id: 'chunk-size-sign',
  title: 'a chunk size with a sign or 0x',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Transfer-Encoding', 'chunked']], body: `0x0\r\n\r\n${hidden(context)}` }
  },
})
