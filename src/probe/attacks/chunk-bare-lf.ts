import { framingTrick, hidden } from '../framing-trick.ts'

/** Lax readers end the line there, strict ones go on: TERM.EXT and its like. */
export const chunkBareLf = framingTrick({
  id: 'chunk-bare-lf',
  title: 'a chunk that ends in a bare LF',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Transfer-Encoding', 'chunked']], body: `0\n\n${hidden(context)}` }
  },
})
