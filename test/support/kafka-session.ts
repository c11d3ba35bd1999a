import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ApiVersion } from '../../src/kafka/apis/api.ts'
import { BrokerSession, type BrokerSessionLimits } from '../../src/kafka/broker-session.ts'
import { Brokers } from '../../src/kafka/brokers.ts'
import { HeldBytes } from '../../src/kafka/held-bytes.ts'
import type { MessageValues } from '../../src/kafka/message.ts'
import { KafkaRules, readKafkaRules } from '../../src/kafka/rules.ts'
import { type AskedOfKafka, Verdicts } from '../../src/kafka/verdict.ts'
import { WireReader } from '../../src/kafka/wire-reader.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'
import { answerOf, type Given, messageBytes, randomOf, requestFrame } from './kafka-frames.ts'
import { patiently } from './patience.ts'

// One connection of a module to a broker that the test simulates, over real sockets.

/** Where what is to be closed is noted. */
interface Ended {
  teardown(close: () => unknown): void
}

/** Rules for one module, without the fields that do not matter here. */
export function rulesFor(
  rules: readonly object[],
  mode: 'enforce' | 'report' = 'enforce',
): KafkaRules {
  const written = rules.map((rule) => ({ caller: 'mod-users', why: 'test', ...rule }))
  const problems: unknown[] = []
  const names = { env: 'folio', tenants: [] }
  const read = readKafkaRules(ruleSources(written, 'test', ''), names, problems as never)
  if (problems.length > 0) throw new Error(JSON.stringify(problems))
  return new KafkaRules(read, { module: 'mod-users-19.7.0', mode, now: Date.now })
}

const LIMITS: BrokerSessionLimits = {
  ...{ frameBytes: 1e8, heldBytes: 1e7, requests: 64, frameMs: 60_000, idleMs: 0 },
}

/** Bytes of one end, taken frame by frame. */
export class FrameEnd {
  readonly socket: Socket
  closed = false
  /** Bytes that came and were not read yet, in order. */
  unread = Buffer.alloc(0)
  #news = Promise.withResolvers<void>()

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.unread = Buffer.concat([this.unread, chunk])
      this.#tell()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.closed = true
      this.#tell()
    })
    socket.on('end', () => {
      this.closed = true
      this.#tell()
    })
  }

  /** The next whole frame, its length in front. */
  async frame(): Promise<Buffer> {
    for (;;) {
      const left = this.unread
      if (left.length >= 4 && left.length >= 4 + left.readInt32BE(0)) {
        const whole = left.subarray(0, 4 + left.readInt32BE(0))
        this.unread = left.subarray(whole.length)
        return whole
      }
      if (this.closed) throw new Error(`the connection closed, ${left.length} bytes are left`)
      await patiently(this.#news.promise, () => 'no frame comes')
    }
  }

  /** Resolves when the other side has closed it. */
  async end(): Promise<void> {
    while (!this.closed) await patiently(this.#news.promise, () => 'it is not closed')
  }

  /** Everything that came was read. */
  get isQuiet(): boolean {
    return this.unread.length === 0
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

/** A session with both of its ends. */
export class PlayedSession {
  readonly client: FrameEnd
  readonly broker: FrameEnd
  readonly session: BrokerSession
  readonly refused: Refusal[] = []
  readonly denied: (AskedOfKafka & { readonly reason: string })[] = []
  readonly wouldDeny: (AskedOfKafka & { readonly reason: string })[] = []
  readonly limits: string[] = []
  readonly clock: { now: number }
  rules: KafkaRules
  why: string | undefined

  private constructor(
    [client, ours]: [Socket, Socket],
    [broker, theirs]: [Socket, Socket],
    { rules, limits, brokers, clock, room }: Required<SessionOptions>,
  ) {
    this.client = new FrameEnd(client)
    this.broker = new FrameEnd(broker)
    this.rules = rules
    this.clock = clock
    const told =
      (list: unknown[]) =>
      (asked: AskedOfKafka, { reason }: Refusal) =>
        list.push({ ...asked, reason })
    this.session = new BrokerSession(
      { client: ours, brokers, limits: { ...LIMITS, ...limits }, room, clock },
      {
        verdicts: () =>
          new Verdicts(this.rules, { refused: told(this.denied), wouldDeny: told(this.wouldDeny) }),
        began: (session) => setImmediate(() => session.connected(theirs as TLSSocket)),
        named: () => {},
        refused: (refusal) => this.refused.push(refusal),
        limitHit: (limit) => this.limits.push(limit),
        ended: (_, why) => {
          this.why = why
        },
      },
    )
  }

  static async open(t: Ended, options: SessionOptions = {}): Promise<PlayedSession> {
    const pairs = [await pair(t), await pair(t)] as const
    return new PlayedSession(pairs[0], pairs[1], {
      rules: options.rules ?? rulesFor([]),
      limits: options.limits ?? {},
      brokers: options.brokers ?? brokersOf(),
      clock: options.clock ?? { now: 0 },
      room: options.room ?? { requests: new HeldBytes(1e9), answers: new HeldBytes(1e9) },
    })
  }

  /** Sends a request with these values; missing ones are invented. */
  ask(api: ApiVersion, given: Given, correlationId = 7): Buffer {
    const body = messageBytes(api.api.request, api, randomOf(correlationId), given)
    const bytes = requestFrame(api, body, { correlationId })
    this.client.socket.write(bytes)
    return bytes
  }

  /** The broker answers with these values. */
  answer(api: ApiVersion, given: Given, correlationId = 7): Buffer {
    const body = messageBytes(api.api.response, api, randomOf(correlationId), given)
    const bytes = answerOf(api, body, correlationId)
    this.broker.socket.write(bytes)
    return bytes
  }

  /** The next request to the broker, decoded. */
  async asked(api: ApiVersion): Promise<MessageValues> {
    const bytes = await this.broker.frame()
    const reader = new WireReader(bytes, 12)
    reader.take(Math.max(0, reader.int16()))
    if (api.flexible) reader.varint()
    const values = api.request.read(reader)
    reader.done()
    return values
  }

  /** The next answer to the client, decoded. */
  async answered(api: ApiVersion, correlationId = 7): Promise<MessageValues> {
    const bytes = await this.client.frame()
    const reader = new WireReader(bytes, 4)
    const got = reader.int32()
    if (got !== correlationId) throw new Error(`${got} is answered, not ${correlationId}`)
    if (api.flexible && api.api.key !== 18) reader.varint()
    const values = api.response.read(reader)
    reader.done()
    return values
  }
}

/** What differs from a session without rules. */
export interface SessionOptions {
  readonly rules?: KafkaRules
  readonly limits?: Partial<BrokerSessionLimits>
  readonly brokers?: Brokers
  readonly clock?: { now: number }
  readonly room?: { readonly requests: HeldBytes; readonly answers: HeldBytes }
}

/** Brokers whose listeners have the port 40000 and their node id. */
export function brokersOf(open = async (nodeId: number) => 40_000 + nodeId): Brokers {
  const range = { host: '127.0.0.1', from: 0, to: 0 }
  return new Brokers({ range, open, noPort: () => {}, moved: () => {} })
}

async function pair(t: Ended): Promise<[Socket, Socket]> {
  const server: Server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  const accepted = once(server, 'connection')
  const client = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true })
  const [[other]] = await Promise.all([accepted, once(client, 'connect')])
  server.close()
  t.teardown(() => {
    client.destroy()
    ;(other as Socket).destroy()
  })
  return [client, other as Socket]
}
