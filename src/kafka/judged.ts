import type { ApiVersion } from './apis/api.ts'
import { type MessageShape, type MessageValues, RawArray } from './message.ts'
import type { KafkaDenial } from './verdict.ts'

/** What becomes of one request. */
export type JudgedRequest =
  /** The bytes are forwarded unchanged, and so is the answer. */
  | { readonly kind: 'pass' }
  /** These one or two requests are forwarded; `answer` combines their answers for the client. */
  | {
      readonly kind: 'forward'
      readonly requests: readonly MessageValues[] | 'same'
      readonly answer: (answers: readonly MessageValues[]) => MessageValues
    }
  /** The answer is streamed; these topics are inserted before its own. */
  | {
      readonly kind: 'splice'
      readonly request: MessageValues | 'same'
      readonly head: (answer: FetchHead) => readonly MessageValues[]
    }
  /** Nothing is forwarded. Null: no answer is expected. */
  | { readonly kind: 'own'; readonly answer: MessageValues | null }

/** What an answer to Fetch begins with. */
export interface FetchHead {
  readonly throttleMs: number
  readonly error: number
  readonly sessionId: number
}

export const PASS: JudgedRequest = { kind: 'pass' }

/** An array of a message, whether or not it was kept as bytes; null is none. */
export function listOf(values: MessageValues, name: string): MessageValues[] {
  const list = values[name]
  if (list instanceof RawArray) return list.read() as MessageValues[]
  return (list ?? []) as MessageValues[]
}

/** The name of a topic that is an element, or has one. */
export function topicName(topic: MessageValues | string): string {
  return typeof topic === 'string' ? topic : (topic['name'] as string)
}

/** Numbers of the partitions that a topic of a request names. */
export function partitionsOf(topic: MessageValues | string): number[] {
  if (typeof topic === 'string') return []
  const partitions = listOf(topic, 'partitions') as unknown as (number | MessageValues)[]
  return partitions.map((each) => (typeof each === 'number' ? each : (each['index'] as number)))
}

/** The answer about a topic that was not requested from the broker. */
export function deniedTopic(
  shape: MessageShape,
  topic: MessageValues | string,
  { code, message, noes }: KafkaDenial,
): MessageValues {
  const name = topicName(topic)
  if (shape.has('error')) return shape.blank({ name, error: code, message })
  const partition = shape.elementOf('partitions')
  const all = partitionsOf(topic)
  noes.add(all.length)
  // The words once: they are longer than what a partition takes in the request.
  const partitions = all.map((index, i) =>
    partition.blank({ index, error: code, ...(i === 0 && { message }) }),
  )
  return shape.blank({ name, partitions })
}

/** The complete answer if nothing of a request may pass. */
export function deniedAll(
  { request: _, response }: ApiVersion,
  request: MessageValues,
  denial: KafkaDenial,
): MessageValues {
  const { code, message, noes } = denial
  if (response.has('error')) return response.blank({ error: code, message })
  for (const name of ['topics', 'groups', 'acls'] as const) {
    if (!response.has(name)) continue
    const shape = response.elementOf(name)
    const asked = listOf(request, name)
    noes.add(asked.length)
    const all = asked.map((each) => {
      if (name === 'topics') return deniedTopic(shape, each, denial)
      return shape.blank({ error: code, message, ...(name === 'groups' && { group: each }) })
    })
    return response.blank({ [name]: all })
  }
  throw new Error('an answer has no place for an error')
}
