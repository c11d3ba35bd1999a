import { framingTrick } from '../framing-trick.ts'
import { honest, request } from '../http.ts'

/** Lax readers skip it, or take the line for a folded one. */
export const leadingSpaceLine = framingTrick({
  id: 'leading-space-line',
  title: 'a blank before the request line',
  meaning: 'A message that two readers take apart differently opens the way to smuggling.',
  remedy: 'Refuse framing that two readers could understand differently, and close.',
  method: 'GET',
  message(context) {
    const plain = request({ target: context.ordinaryPath, lines: honest(context) })
    return Buffer.concat([Buffer.from(' '), plain])
  },
})
