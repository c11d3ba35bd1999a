import { framingTrick } from '../framing-trick.ts'
import { honest, request } from '../http.ts'

/** RFC 9112 section 2.2: some join it to the request line, some drop it. */
export const spaceFirstLine = framingTrick({
  id: 'space-first-line',
  title: 'a blank before the first header line',
  meaning: 'A message that two readers take apart differently opens the way to smuggling.',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  method: 'GET',
  message(context) {
    const [host, ...rest] = honest(context)
    const lines = [[' X-Okapi-Permissions', '[]'], host!, ...rest] as const
    return request({ target: context.ordinaryPath, lines })
  },
})
