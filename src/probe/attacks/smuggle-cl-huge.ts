import { framingTrick, hidden } from '../framing-trick.ts'

/** 64-bit readers wrap around to a small number. */
export const smuggleClHuge = framingTrick({
  id: 'smuggle-cl-huge',
  title: 'Content-Length of twenty digits',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Content-Length', '18446744073709551616']], body: hidden(context) }
  },
})
