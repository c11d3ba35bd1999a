import { framingTrick, hidden } from '../framing-trick.ts'

/** Readers take the first, the whole as a number, or nothing. */
export const smuggleClList = framingTrick({
  id: 'smuggle-cl-list',
  title: 'Content-Length: 0, 0',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Content-Length', '0, 0']], body: hidden(context) }
  },
})
