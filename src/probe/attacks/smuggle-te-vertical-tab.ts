import { framingTrick, hidden } from '../framing-trick.ts'

/** Lax readers trim any white space, strict ones only SP and HTAB (RFC 9110 section 5.6.3). */
export const smuggleTeVerticalTab = framingTrick({
  id: 'smuggle-te-vertical-tab',
  title: 'Transfer-Encoding: \\x0bchunked',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const body = `0\r\n\r\n${hidden(context)}`
    const lines = [
      ['Content-Length', String(body.length)],
      ['Transfer-Encoding', '\x0bchunked'],
    ] as const
    return { lines, body }
  },
})
