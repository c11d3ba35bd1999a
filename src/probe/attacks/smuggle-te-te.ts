import { framingTrick, hidden } from '../framing-trick.ts'

/** One reader takes the first, another the last, a third both. */
export const smuggleTeTe = framingTrick({
  id: 'smuggle-te-te',
  title: 'Transfer-Encoding twice',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const lines = [
      ['Transfer-Encoding', 'chunked'],
      ['Transfer-Encoding', 'identity'],
    ] as const
    return { lines, body: `0\r\n\r\n${hidden(context)}` }
  },
})
