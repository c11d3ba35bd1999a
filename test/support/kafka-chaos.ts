import type { Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import type { ApiVersion } from '../../src/kafka/apis/api.ts'
import { BrokerSession } from '../../src/kafka/broker-session.ts'
import { HeldBytes } from '../../src/kafka/held-bytes.ts'
import { type MessageValue, type MessageValues, RawArray } from '../../src/kafka/message.ts'
import { readRequestHead } from '../../src/kafka/request-head.ts'
import { Verdicts } from '../../src/kafka/verdict.ts'
import { WireReader } from '../../src/kafka/wire-reader.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'
import {
  answerOf,
  everyApi,
  type Given,
  messageBytes,
  randomOf,
  requestFrame,
} from './kafka-frames.ts'
import { brokersOf, rulesFor } from './kafka-session.ts'

// A client and a broker that send anything, and the rules that neither side may see violated.

const RULES = rulesFor([
  {
    topics: { produce: ['may'], consume: ['may'], create: ['may'] },
    groups: ['may'],
    transactions: ['may'],
    admin: ['DeleteTopics', 'DeleteGroups', 'AlterConfigs'],
  },
])

const EVERY_API = everyApi()

/** One thing that one side sends. */
export interface KafkaMove {
  readonly side: 'client' | 'broker'
  /** Which API, of all. */
  readonly api: number
  readonly seed: number
  /** Bytes that are changed: where, and to what. */
  readonly changes: readonly (readonly [number, number])[]
  readonly correlationId: number
}

/** What both sides do, and in what pieces it comes. */
export interface KafkaPlay {
  readonly moves: readonly KafkaMove[]
  readonly pieces: readonly number[]
}

const move: fc.Arbitrary<KafkaMove> = fc.record({
  side: fc.constantFrom('client' as const, 'client' as const, 'broker' as const),
  api: fc.nat(EVERY_API.length - 1),
  seed: fc.nat(1e6),
  changes: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(
        fc.tuple(fc.nat(200), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255))),
        { minLength: 1, maxLength: 4 },
      ),
    },
  ),
  correlationId: fc.nat(3),
})

export const kafkaPlays: fc.Arbitrary<KafkaPlay> = fc.record({
  moves: fc.array(move, { minLength: 1, maxLength: 12 }),
  pieces: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
})

/** Plays it. Returns null, or a sentence that names the violated rule. */
export async function playKafka({ moves, pieces }: KafkaPlay): Promise<string | null> {
  const [client, ours] = duplexPair()
  const [broker, theirs] = duplexPair()
  const [toBroker, toClient]: [Buffer[], Buffer[]] = [[], []]
  broker.on('data', (chunk: Buffer) => toBroker.push(chunk))
  client.on('data', (chunk: Buffer) => toClient.push(chunk))
  for (const end of [client, broker]) end.on('error', () => end.destroy())
  const refused: Refusal[] = []
  const room = { requests: new HeldBytes(1e6), answers: new HeldBytes(1e6) }
  let ended = false
  const session = new BrokerSession(
    {
      client: ours as unknown as Socket,
      brokers: brokersOf(),
      limits: { frameBytes: 1e6, heldBytes: 1e5, requests: 8, frameMs: 1e9, idleMs: 0 },
      room,
      clock: { now: 0 },
    },
    {
      verdicts: () => new Verdicts(RULES, { refused: () => {}, wouldDeny: () => {} }),
      began: () => setImmediate(() => session.connected(theirs as unknown as TLSSocket)),
      named: () => {},
      refused: (refusal) => refused.push(refusal),
      limitHit: () => {},
      ended: () => {
        ended = true
      },
    },
  )
  let piece = 0
  for (const each of moves) {
    const bytes = bytesOf(each)
    const end = each.side === 'client' ? client : broker
    for (let at = 0; at < bytes.length; ) {
      const size = pieces[piece++ % pieces.length]!
      if (!end.destroyed && end.writable) end.write(bytes.subarray(at, at + size))
      at += size
      await turn()
    }
    await turn()
  }
  for (let i = 0; i < 6; i++) await turn()
  const wrong =
    wrongAtBroker(Buffer.concat(toBroker)) ??
    wrongAtClient(Buffer.concat(toClient)) ??
    (refused.length > 1 ? `refused twice: ${refused.map(({ because }) => because)}` : null)
  client.destroy()
  broker.destroy()
  session.destroy()
  for (let i = 0; i < 20 && !ended; i++) await turn()
  if (wrong !== null) return wrong
  if (!ended) return 'the session does not end'
  const held = room.requests.held + room.answers.held
  return held === 0 ? null : `${held} bytes are held by nobody`
}

function bytesOf({ side, api: index, seed, changes, correlationId }: KafkaMove): Buffer {
  const api = EVERY_API[index]!
  const random = randomOf(seed)
  const name = () => (random() < 0.7 ? 'may' : 'other')
  const topics = [name(), name()].map((each) =>
    api.api.name === 'DeleteTopics' && side === 'client' ? each : { name: each },
  )
  const group = name()
  const given: Given = {
    ...{ topics, group, transaction: random() < 0.5 ? name() : null, key: name(), keys: [name()] },
    groups:
      ['DescribeGroups', 'DeleteGroups'].includes(api.api.name) && side === 'client'
        ? [name(), name()]
        : [{ group: name() }, { group: name() }],
    resources: [{ resourceType: 2, resourceName: name() }],
    ...{ replicaId: -1, sessionId: 0, sessionEpoch: -1, keyType: Math.floor(random() * 2) },
    error: 0,
  }
  const message = side === 'client' ? api.api.request : api.api.response
  const body = messageBytes(message, api, random, given)
  const bytes =
    side === 'client'
      ? requestFrame(api, body, { correlationId })
      : answerOf(api, body, correlationId)
  const changed = Buffer.from(bytes)
  // The length is kept: with a wrong one the reader would only wait.
  for (const [at, value] of changes) {
    if (changed.length > 4) changed[4 + (at % (changed.length - 4))] = value
  }
  return changed
}

/** Whole frames; what is left may be the beginning of one. */
function* framesIn(bytes: Buffer): Generator<Buffer> {
  let at = 0
  while (bytes.length - at >= 4) {
    const size = 4 + bytes.readInt32BE(at)
    if (size > bytes.length - at) return
    yield bytes.subarray(at, at + size)
    at += size
  }
}

/** Only known APIs, and only names that the rules allow. */
function wrongAtBroker(bytes: Buffer): string | null {
  for (const each of framesIn(bytes)) {
    const reader = new WireReader(each, 4)
    const { api } = readRequestHead(reader)
    if (api === undefined) return `the broker got ${each.toString('hex')}`
    const request = api.request.read(reader)
    reader.done()
    const seen = namesOf(api, request).filter((name) => name !== 'may')
    if (seen.length > 0) return `the broker was asked for ${seen} by ${api.api.name} ${api.version}`
  }
  return null
}

function namesOf({ api }: ApiVersion, request: MessageValues): string[] {
  if (api.rule === 'open') return []
  const names: string[] = []
  const walk = (value: MessageValue, key: string) => {
    if (value instanceof RawArray) return
    if (Array.isArray(value)) {
      for (const each of value) walk(each, key)
    } else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
      for (const [name, inner] of Object.entries(value)) walk(inner, name)
    } else if (
      typeof value === 'string' &&
      (api.rule === 'coordinator' ? OF_COORDINATOR : JUDGED).has(key)
    )
      names.push(value)
  }
  for (const [key, value] of Object.entries(request)) walk(value, key)
  return names
}

const JUDGED = new Set(['name', 'topics', 'group', 'groups', 'transaction', 'resourceName'])
const OF_COORDINATOR = new Set(['key', 'keys'])

/** Only frames, and for hidden topics only an error. */
function wrongAtClient(bytes: Buffer): string | null {
  for (const each of framesIn(bytes)) {
    if (each.length < 8) return `the client got ${each.toString('hex')}`
  }
  return null
}
