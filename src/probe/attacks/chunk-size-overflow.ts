import { framingTrick, hidden } from '../framing-trick.ts'

/** Readers of 32 or 64 bits wrap around and find a request in the data. */
export const chunkSizeOverflow = framingTrick({
  id: 'chunk-size-overflow',
  title: 'a chunk size that overflows',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const body = `10000000000000000\r\n${hidden(context)}`
    return { lines: [['Transfer-Encoding', 'chunked']], body }
  },
})
