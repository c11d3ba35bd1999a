import type { Answer } from './answer.ts'
import type { Context } from './context.ts'
import type { Finding } from './finding.ts'
import { honest, hostLine, type Message, request } from './request.ts'
import { say } from './say.ts'
import { blocked, verdict } from './verdict.ts'

/** One call to another port of the target's host, plain, without any certificate. */
export async function beside(
  context: Context,
  port: number,
  message: Message,
  through: (answer: Answer) => boolean,
): Promise<Finding> {
  const door = { host: context.target.host, port, tls: false }
  const lines = [['Host', hostLine(door)] as const, ...honest(context).slice(1)]
  const heard = await say(context, request({ lines, ...message }), {
    door,
    guise: {},
    methods: [message.method ?? 'GET'],
  })
  const finding = verdict(heard, { through, harmless: () => true })
  // That nobody can be reached there is what is wished for.
  if (heard.ending === 'refused')
    return { ...finding, ...blocked(null, `nobody listens on port ${port}`) }
  if (!heard.connected)
    return { ...finding, ...blocked(null, `no connection comes up on port ${port}`) }
  return finding
}

/** The worst of several: what got through, else what could not be judged. */
export async function worst(findings: readonly Promise<Finding>[]): Promise<Finding> {
  const all = await Promise.all(findings)
  const order = ['got-through', 'inconclusive', 'blocked']
  return all.toSorted((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome))[0]!
}
