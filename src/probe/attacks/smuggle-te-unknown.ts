import { framingTrick, hidden } from '../framing-trick.ts'

/** A reader that knows no gzip falls back to no body at all. */
export const smuggleTeUnknown = framingTrick({
  id: 'smuggle-te-unknown',
  title: 'Transfer-Encoding: gzip, chunked',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Transfer-Encoding', 'gzip, chunked']], body: `0\r\n\r\n${hidden(context)}` }
  },
})
