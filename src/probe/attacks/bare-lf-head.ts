import { framingTrick } from '../framing-trick.ts'
import { honest, request } from '../http.ts'

/** RFC 9112 section 2.2 lets lax readers take it: two readers, two heads. */
export const bareLfHead = framingTrick({
  id: 'bare-lf-head',
  title: 'a head with bare LF for CRLF',
  meaning: 'A message that two readers take apart differently opens the way to smuggling.',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  method: 'GET',
  message(context) {
    const crlf = request({ target: context.ordinaryPath, lines: honest(context) }).toString(
      'latin1',
    )
    return Buffer.from(crlf.replaceAll('\r\n', '\n'), 'latin1')
  },
})
