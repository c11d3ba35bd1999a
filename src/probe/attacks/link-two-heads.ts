import { hidden } from '../framing-trick.ts'
import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkTwoHeads = linkedCall({
  id: 'link-two-heads',
  title: 'two requests in one frame',
  meaning: 'The second one is served behind the first, and nobody has judged it.',
  remedy: 'Take exactly one head out of an OPEN, and reset the exchange otherwise.',
  message: (context) => {
    const first = request({ target: context.ordinaryPath, lines: honest(context) })
    return { head: Buffer.concat([first, Buffer.from(hidden(context), 'latin1')]) }
  },
})
