import { framingTrick, hidden } from '../framing-trick.ts'

/** RFC 9112 section 6.1: a reader that believes Content-Length finds a second request. */
export const smuggleTeCl = framingTrick({
  id: 'smuggle-te-cl',
  title: 'a request smuggled behind TE and CL',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  message(context) {
    const rest = hidden(context)
    const body = `${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`
    return {
      lines: [
        ['Transfer-Encoding', 'chunked'],
        ['Content-Length', '4'],
      ],
      body,
    }
  },
})
