import { framingTrick, hidden } from '../framing-trick.ts'

/** Number parsers take a sign, RFC 9112 section 6.2 has digits only. */
export const smuggleClSign = framingTrick({
  id: 'smuggle-cl-sign',
  title: 'Content-Length: +0',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    return { lines: [['Content-Length', '+0']], body: hidden(context) }
  },
})
