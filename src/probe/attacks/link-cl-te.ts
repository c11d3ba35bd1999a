import { hidden } from '../framing-trick.ts'
import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkClTe = linkedCall({
  id: 'link-cl-te',
  title: 'CL and TE in the head of an exchange',
  meaning: 'Frames hide from one reader what the next one takes for a second request.',
  remedy: 'Hold heads that come in frames to the same grammar as all others.',
  message: (context) => {
    const body = `0\r\n\r\n${hidden(context)}`
    const framing = [
      ['Content-Length', String(body.length)],
      ['Transfer-Encoding', 'chunked'],
    ] as const
    const lines = [...honest(context), ...framing]
    return { head: request({ target: context.ordinaryPath, lines }), body }
  },
})
