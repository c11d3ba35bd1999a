import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { ApiVersion } from './apis/api.ts'
import { type HeldBytes, type HeldRoom, shared } from './held-bytes.ts'
import type { JudgedRequest } from './judged.ts'
import type { MessageValues } from './message.ts'
import type { KafkaRules } from './rules.ts'

/**
 * For how many requests of a connection something may be kept for the answer; no client has more
 * open.
 */
const MOST_KEPT = 8
/** Bytes; our own answers from here on are counted as held. */
const SMALL_ANSWER = 1024

/** Rules, and which of them had not run out. */
export interface JudgedBy {
  readonly rules: KafkaRules
  readonly stage: number
}

/** A request that is not answered yet. */
export interface AwaitedAnswer {
  readonly correlationId: number
  readonly api: ApiVersion
  readonly judged: JudgedRequest
  /** By these rules it was judged; undefined: by none. */
  readonly by?: JudgedBy
  /** Answers of the broker that came already, where one request became two. */
  readonly got: MessageValues[]
  /** Our own, as a frame. */
  readonly own: readonly Buffer[] | undefined
  /** What is kept for the answer, until that is sent. */
  readonly room?: HeldRoom | undefined
}

/** The state of a request that will be answered. */
interface Noted {
  readonly room: HeldRoom | undefined
  /** Must its bytes stay as they are until it is answered? */
  readonly isKept: boolean
  readonly refusal?: Refusal
}

/** A connection's unanswered requests, in order: a broker answers in the order of the requests. */
export class AwaitedAnswers {
  readonly #line: AwaitedAnswer[] = []
  readonly #answers: HeldBytes
  /** Those of whose request something is kept for the answer. */
  #kept = 0

  /** @param answers where our own answers are counted, until they are sent */
  constructor(answers: HeldBytes) {
    this.#answers = answers
  }

  get size(): number {
    return this.#line.length
  }

  /** The one that the broker answers next; undefined: there is none. */
  get next(): AwaitedAnswer | undefined {
    return this.#line[0]
  }

  /** May no further request be read? */
  isFull(most: number): boolean {
    return this.size >= most || this.#kept >= MOST_KEPT
  }

  /**
   * Records a request; null: no answer is expected. What the answer needs of it (refused names and
   * partitions) stays in its room until the answer is sent. Returns the room for as long as the
   * request itself is being sent, or why the connection must end: there is no room for our own
   * answer.
   */
  add(awaited: Omit<AwaitedAnswer, 'room'> | null, room: HeldRoom | undefined): Noted {
    if (awaited === null || !isKept(awaited)) {
      if (awaited !== null) this.#line.push(awaited)
      return { room, isKept: false }
    }
    if (awaited.own === undefined) {
      const [sending, kept] = room === undefined ? [] : shared(room)
      this.#line.push({ ...awaited, room: kept })
      this.#kept++
      return { room: sending, isKept: true }
    }
    const bytes = awaited.own.reduce((sum, { length }) => sum + length, 0)
    const held = bytes < SMALL_ANSWER ? undefined : this.#answers.take(bytes)
    if (bytes >= SMALL_ANSWER && held === undefined) {
      const because = `a refusal of ${bytes} bytes finds no room (limits.kafka.bufferedBytes)`
      const refusal = refuse('overloaded', because, { limit: 'kafka.bufferedBytes' })
      return { room, isKept: false, refusal }
    }
    this.#line.push({ ...awaited, room: held })
    this.#kept++
    return { room, isKept: true }
  }

  /** The first one is answered. */
  shift(): void {
    const awaited = this.#line.shift()
    if (awaited !== undefined && isKept(awaited)) this.#kept--
  }

  /** Removes our own answers whose turn it is. */
  *takeOwn(): Generator<Pick<AwaitedAnswer, 'room'> & { readonly own: readonly Buffer[] }> {
    for (let next = this.next; next?.own !== undefined; next = this.next) {
      this.shift()
      yield { own: next.own, room: next.room }
    }
  }

  /** Nothing is answered any more. */
  destroy(): void {
    for (const { room } of this.#line) room?.release()
  }
}

function isKept({ judged, own }: AwaitedAnswer): boolean {
  return judged.kind !== 'pass' || own !== undefined
}

/** How many answers of the broker make one. */
export function answersDue({ judged }: AwaitedAnswer): number {
  return judged.kind === 'forward' && judged.requests !== 'same' ? judged.requests.length : 1
}
