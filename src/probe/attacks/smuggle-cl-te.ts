import type { Attack } from '../attack.ts'
import { honest, request } from '../request.ts'
import { say } from '../say.ts'
import { unasked } from '../unasked.ts'
import { verdict } from '../verdict.ts'

/** RFC 9112 section 6.1: both Content-Length and Transfer-Encoding is an attempt at smuggling. */
export const smuggleClTe: Attack = {
  id: 'smuggle-cl-te',
  group: 'framing',
  title: 'a request smuggled behind CL and TE',
  meaning: 'A second request hides in the body of the first: nobody judges it, somebody serves it.',
  judged: 'More answers than requests, or any answer but a refusal to the ambiguous one.',
  remedy: 'Refuse messages with both Content-Length and Transfer-Encoding, and close.',
  async run(context) {
    const hidden = request({ target: context.closedPath, lines: honest(context) })
    const body = `0\r\n\r\n${hidden.toString('latin1')}`
    const lines = [
      ...honest(context),
      ['Content-Length', String(body.length)],
      ['Transfer-Encoding', 'chunked'],
    ] as const
    const bytes = request({ method: 'POST', target: context.ordinaryPath, lines, body })
    const heard = await say(context, bytes, { methods: ['POST'], lingerMs: 300 })
    return unasked(heard, 1) ?? verdict(heard)
  },
}
