import type { Refusal } from '../../src/refusal/refusal.ts'
import { nodeStopsBehind } from '../wire/differences.ts'
import { engineAnswer } from './engine-answers.ts'
import { type EngineMessage, type EngineReading, engineReads } from './engine-reads.ts'
import { nodeAnswer } from './node-client.ts'
import { type NodeMessage, type NodeReading, nodeReads } from './node-parser.ts'

/**
 * Two readings of the same bytes: null where they agree, else what is wrong. `stricter` holds the
 * sentence of our refusal where Node took everything.
 */
export interface Comparison {
  readonly wrong: string | null
  readonly stricter: string | null
}

const AGREED: Comparison = { wrong: null, stricter: null }

/** We refuse everything that Node refuses; what we accept as whole, Node reads in the same way. */
export async function compareRequests(text: string, cuts: readonly number[]): Promise<Comparison> {
  const ours = await engineReads(text, cuts)
  const node = await nodeReads(text)
  const wrong = differs(ours, node)
  if (node.messages.some(({ lines }) => nodeStopsBehind(lines))) return { wrong, stricter: null }
  if (wrong !== null) return { wrong, stricter: null }
  if (ours.refused !== null) {
    return { wrong: null, stricter: node.refused === null ? unnamed(ours.refused) : null }
  }
  if (node.refused === null || ours.closed) return AGREED
  // Node refuses as early as it can, we at the end of the line: so end the line, then we must refuse too.
  const ended = await engineReads(`${text}\r\n\r\n`, cuts)
  if (ended.refused !== null) return AGREED
  return { wrong: `Node refuses (${node.refused}) and we do not`, stricter: null }
}

/** The sentence if the name of the field is not known. */
function unnamed({ because }: Refusal): string {
  return because.replace(/`[^`]+`/, 'a field')
}

function differs(ours: EngineReading, node: NodeReading): string | null {
  const whole = ours.messages.filter((message) => message.whole)
  for (const [i, message] of whole.entries()) {
    const other = node.messages[i]
    if (!other?.whole) return `message ${i} is whole to us and not to Node (${node.refused})`
    const what = readDifferently(message, other)
    if (what !== null) return `${what} of message ${i} differs`
    if (nodeStopsBehind(other.lines)) return null
  }
  if (
    ours.refused === null &&
    !ours.closed &&
    node.messages.filter((message) => message.whole).length > whole.length
  )
    return 'Node reads more messages than we do'
  return null
}

function readDifferently(ours: EngineMessage, node: NodeMessage): string | null {
  if (ours.method !== node.method) return 'the method'
  if (ours.target !== node.target) return 'the target'
  if (ours.version !== node.version) return 'the version'
  if (JSON.stringify(ours.lines) !== JSON.stringify(node.lines)) return 'a field line'
  return ours.body === node.body ? null : 'the body'
}

const HOPS = /^(host|connection|keep-alive|proxy-.*|te|trailer|upgrade|http2-settings)$/i

/** Node must read the same from what the upstream gets as from what the caller sent, without hop-by-hop fields. */
export async function compareForwarded(
  text: string,
  cuts: readonly number[],
): Promise<string | null> {
  const { messages } = await engineReads(text, cuts)
  const original = await nodeReads(text)
  for (const [i, { forwarded, whole }] of messages.entries()) {
    if (!whole) continue
    const { messages: seen, refused } = await nodeReads(forwarded)
    const [message, ...more] = seen
    if (refused !== null || !message?.whole) return `the upstream refuses message ${i}: ${refused}`
    if (more.length > 0) return `the upstream reads more than message ${i}`
    const sent = original.messages[i]
    if (sent === undefined) return null
    if (message.method !== sent.method || message.target !== sent.target)
      return 'start lines differ'
    if (message.body !== sent.body) return `bodies of message ${i} differ`
    const expected = [['Host', 'upstream'], ...throughHop(sent.lines)]
    if (JSON.stringify(message.lines) !== JSON.stringify(expected)) return 'field lines differ'
  }
  return null
}

/** The lines that are forwarded, by the plainest reading of RFC 9110 section 7.6.1. */
function throughHop(lines: NodeMessage['lines']): NodeMessage['lines'] {
  const named = lines
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(','))
    .map((option) => option.trim().toLowerCase().replaceAll('_', '-'))
  return lines.filter(
    ([name]) => !HOPS.test(name) && !named.includes(name.toLowerCase().replaceAll('_', '-')),
  )
}

/** The same towards upstream: what Node's client refuses we refuse, what we pass on it reads alike. */
export async function compareAnswers(
  method: string,
  text: string,
  cuts: readonly number[],
): Promise<Comparison> {
  const ours = await engineAnswer(method, text, cuts)
  const node = await nodeAnswer(method, text)
  const { ended } = ours
  if (ended === undefined) return { wrong: 'the exchange never ended', stricter: null }
  if (ended.refused !== null) {
    const stricter = node.answer?.whole ? unnamed(ended.refused) : null
    return { wrong: null, stricter }
  }
  if (!node.answer?.whole) {
    return { wrong: `Node refuses (${node.refused}) and we do not`, stricter: null }
  }
  const final = ours.heads.at(-1)
  if (final?.status !== node.answer.status) return { wrong: 'statuses differ', stricter: null }
  if (JSON.stringify(final.lines) !== JSON.stringify(node.answer.lines))
    return { wrong: 'field lines differ', stricter: null }
  const passedOn = await nodeAnswer(method, ours.sent)
  if (!passedOn.answer?.whole)
    return { wrong: `the caller cannot read it: ${passedOn.refused}`, stricter: null }
  if (passedOn.answer.body !== node.answer.body) return { wrong: 'bodies differ', stricter: null }
  return AGREED
}
