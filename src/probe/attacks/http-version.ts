import { framingTrick } from '../framing-trick.ts'
import { honest, request } from '../http.ts'

/** What is not known cannot be judged. */
export const httpVersion = framingTrick({
  id: 'http-version',
  title: 'HTTP/1.2 and HTTP/2.9',
  meaning: 'A message that two readers take apart differently opens the way to smuggling.',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  method: 'GET',
  message(context) {
    return request({ target: context.ordinaryPath, version: '2.9', lines: honest(context) })
  },
})
