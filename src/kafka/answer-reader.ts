import type { Limit } from '../refusal/limits.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { API_VERSIONS, narrowed, versionOfAnswer } from './api-versions.ts'
import type { ApiVersion } from './apis/api.ts'
import { type AwaitedAnswer, type AwaitedAnswers, answersDue } from './awaited-answers.ts'
import { brokersIn, namesBrokers, withLocalBrokers } from './broker-addresses.ts'
import type { Brokers } from './brokers.ts'
import { FRAME_HEAD_BYTES, type FrameWanted, type FrameWatcher } from './frames.ts'
import { type HeldRoom, together } from './held-bytes.ts'
import type { MessageValues } from './message.ts'
import { hasTaggedAnswer, readAnswerHead } from './request-head.ts'
import type { KafkaRules } from './rules.ts'
import { KafkaFlaw, WireReader } from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

/** The beginning of an answer to Fetch: length, head, throttle time, error, session, and the count of topics. */
const FETCH_HEAD_BYTES = 24

/** Callbacks of the reader. */
export interface AnswerEvents {
  /** Bytes for the client, in order; `room` is released when they are sent. */
  answer(bytes: readonly Buffer[], room?: HeldRoom): void
  /** The first waiting request has its complete answer. */
  answered(): void
  /** Brokers in the answer have no listeners yet: nothing more is read until `done` is called. */
  later(opening: Promise<unknown>, done: () => void): void
  /** The present rules. */
  rules(): KafkaRules
  limitHit(limit: Limit): void
}

/** Reads the answers of a broker, and accepts only requested ones in order. */
export class AnswerReader implements FrameWatcher {
  readonly #events: AnswerEvents
  readonly #awaited: AwaitedAnswers
  readonly #brokers: Brokers
  /** Why the connection must end. */
  refusal: Refusal | undefined

  constructor(events: AnswerEvents, awaited: AwaitedAnswers, brokers: Brokers) {
    this.#events = events
    this.#awaited = awaited
    this.#brokers = brokers
  }

  begins(size: number, head: Buffer): FrameWanted {
    const { next } = this.#awaited
    const correlationId = head.readInt32BE(4)
    if (next === undefined) return this.#end(`the answer ${correlationId} was not asked for`)
    if (next.correlationId !== correlationId) {
      return this.#end(`the answer ${correlationId} came before ${next.correlationId}`)
    }
    // A broker may wait for records as long as the client allows, and the right to read them may have ended by then.
    if (next.api.api.rule === 'fetch' && !holdsStill(next, this.#events.rules())) return 'end'
    if (isRead(next)) return 'hold'
    return next.judged.kind === 'splice' ? Math.min(size, FETCH_HEAD_BYTES) : FRAME_HEAD_BYTES
  }

  head(bytes: Buffer, left: number): void {
    const { next } = this.#awaited
    try {
      const pieces = next?.judged.kind === 'splice' ? spliced(next, bytes, left) : [bytes]
      this.#events.answer(pieces, next?.room)
      if (left === 0) this.#events.answered()
    } catch (error) {
      this.#flaw(error)
    }
  }

  rest(bytes: Buffer, left: number): void {
    if (this.refusal !== undefined) return
    this.#events.answer([bytes])
    if (left === 0) this.#events.answered()
  }

  whole(frame: Buffer, room: HeldRoom | undefined): boolean {
    try {
      return this.#read(frame, room)
    } catch (error) {
      room?.release()
      this.#flaw(error)
      return false
    }
  }

  noRoom(): void {
    this.#events.limitHit('kafka.bufferedBytes')
  }

  #read(frame: Buffer, room: HeldRoom | undefined): boolean {
    const next = this.#awaited.next!
    const reader = new WireReader(frame, 4, { dropsTags: true })
    readAnswerHead(reader, next.api)
    const isVersions = next.api.api.key === API_VERSIONS
    // Its error comes first in every version.
    const error = isVersions ? frame.readInt16BE(reader.at) : 0
    const api = isVersions ? versionOfAnswer(next.api, error) : next.api
    const answer = api.response.read(reader)
    reader.done()
    next.got.push(isVersions ? narrowed(answer) : answer)
    if (next.got.length < answersDue(next)) {
      room?.release()
      return true
    }
    const { judged } = next
    const made = judged.kind === 'forward' ? judged.answer(next.got) : next.got[0]!
    if (!namesBrokers(api)) {
      this.#answer(next, api, made, room)
      return true
    }
    const opening = this.#brokers.learn(next.got.flatMap(brokersIn))
    const finish = () => this.#answer(next, api, withLocalBrokers(made, this.#brokers), room)
    if (opening === undefined) {
      finish()
      return true
    }
    this.#events.later(opening, finish)
    return false
  }

  #answer(
    { correlationId, room: kept }: AwaitedAnswer,
    api: ApiVersion,
    answer: MessageValues,
    room: HeldRoom | undefined,
  ): void {
    this.#events.answer(answerFrame(api, correlationId, answer), together(room, kept))
    this.#events.answered()
  }

  #flaw(error: unknown): void {
    if (!(error instanceof KafkaFlaw) && !(error instanceof RangeError)) throw error
    const { api, version } = this.#awaited.next!.api
    this.#end(`${api.name} ${version}: ${error.message}`)
  }

  #end(because: string): 'end' {
    this.refusal = refuse('upstream-malformed', `the broker’s answer: ${because}`)
    return 'end'
  }
}

/** Do the rules by which a request was judged allow the same as the present ones? */
function holdsStill({ by }: AwaitedAnswer, rules: KafkaRules): boolean {
  if (by === undefined) return false
  return by.rules === rules ? by.stage === rules.stage : by.rules.text === rules.text
}

/** Must the answer be parsed, or may it stream? */
function isRead({ api, judged }: AwaitedAnswer): boolean {
  return judged.kind === 'forward' || namesBrokers(api) || api.api.key === API_VERSIONS
}

/** An answer as a frame. */
export function answerFrame(
  api: ApiVersion,
  correlationId: number,
  answer: MessageValues,
): readonly Buffer[] {
  const writer = new WireWriter()
  writer.int32(correlationId)
  if (hasTaggedAnswer(api)) writer.varint(0)
  api.response.write(writer, answer)
  return writer.frame()
}

/** Inserts topics before those of a streaming answer, and changes its count and length. */
function spliced({ api, judged, correlationId }: AwaitedAnswer, bytes: Buffer, left: number) {
  if (judged.kind !== 'splice') return [bytes]
  const reader = new WireReader(bytes, 4)
  readAnswerHead(reader, api)
  const throttleMs = reader.int32()
  const hasSession = api.version >= 7
  const error = hasSession ? reader.int16() : 0
  const sessionId = hasSession ? reader.int32() : 0
  const topics = judged.head({ throttleMs, error, sessionId })
  if (topics.length === 0) return [bytes]
  const count = reader.length(api.flexible)
  const writer = new WireWriter()
  writer.int32(correlationId)
  if (hasTaggedAnswer(api)) writer.varint(0)
  writer.int32(throttleMs)
  if (hasSession) {
    writer.int16(error)
    writer.int32(sessionId)
  }
  writer.length(Math.max(0, count) + topics.length, api.flexible)
  const shape = api.response.elementOf('topics')
  for (const topic of topics) shape.write(writer, topic)
  writer.slice(bytes.subarray(reader.at))
  return writer.frame(left)
}
