import { framingTrick, hidden } from '../framing-trick.ts'

/** Readers stop at the blank, or join what is around it. */
export const smuggleClSpace = framingTrick({
  id: 'smuggle-cl-space',
  title: 'a Content-Length with a blank in it',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Content-Length', '0 9']], body: hidden(context) }
  },
})
