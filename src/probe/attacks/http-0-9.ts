import { framingTrick } from '../framing-trick.ts'

/** Without version and lines nothing is judged that stands in lines. */
export const http09 = framingTrick({
  id: 'http-0-9',
  title: 'a request of HTTP/0.9',
  meaning: 'A message that two readers take apart differently opens the way to smuggling.',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  method: 'GET',
  message(context) {
    return Buffer.from(`GET ${context.ordinaryPath}\r\n\r\n`, 'latin1')
  },
})
