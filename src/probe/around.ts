import type { Context } from './context.ts'
import { send } from './conversation.ts'
import { blocked, type Finding, findingOf } from './finding.ts'
import { type Answer, honest, hostLine, type Message, request } from './http.ts'

/** One call to another port of the target's host, plain, without any certificate. */
export async function beside(
  context: Context,
  port: number,
  message: Message,
  through: (answer: Answer) => boolean,
): Promise<Finding> {
  const endpoint = { host: context.target.host, port, tls: false }
  const lines = [['Host', hostLine(endpoint)] as const, ...honest(context).slice(1)]
  const transcript = await send(context, request({ lines, ...message }), {
    endpoint,
    handshake: {},
    methods: [message.method ?? 'GET'],
  })
  const finding = findingOf(transcript, { through, harmless: () => true })
  // That nobody can be reached there is what is wished for.
  if (transcript.end === 'refused')
    return { ...finding, ...blocked(null, `nobody listens on port ${port}`) }
  if (!transcript.connected)
    return { ...finding, ...blocked(null, `no connection comes up on port ${port}`) }
  return finding
}

/** The worst of several: what got through, else what could not be judged. */
export async function worst(findings: readonly Promise<Finding>[]): Promise<Finding> {
  const all = await Promise.all(findings)
  const order = ['got-through', 'inconclusive', 'blocked']
  return all.toSorted((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome))[0]!
}
