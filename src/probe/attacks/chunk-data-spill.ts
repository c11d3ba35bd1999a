import { framingTrick, hidden } from '../framing-trick.ts'

/** A reader that skips two bytes unseen finds a size line in the data (TERM.SPILL). */
export const chunkDataSpill = framingTrick({
  id: 'chunk-data-spill',
  title: 'chunk data longer than it says',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const body = `2\r\nabXX0\r\n\r\n${hidden(context)}`
    return { lines: [['Transfer-Encoding', 'chunked']], body }
  },
})
