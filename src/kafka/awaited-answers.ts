import type { ApiVersion } from './apis/api.ts'
import type { JudgedRequest } from './judged.ts'
import type { MessageValues } from './message.ts'

/** A request that is not answered yet. */
export interface AwaitedAnswer {
  readonly correlationId: number
  readonly api: ApiVersion
  readonly judged: JudgedRequest
  /** Answers of the broker that came already, where one request became two. */
  readonly got: MessageValues[]
  /** Our own, as a frame. */
  readonly own: readonly Buffer[] | undefined
}

/** A connection's requests without answer, in order: a broker answers in the order in which it was asked. */
export class AwaitedAnswers {
  readonly #line: AwaitedAnswer[] = []

  get size(): number {
    return this.#line.length
  }

  /** The one that the broker answers next; undefined: it was asked nothing. */
  get next(): AwaitedAnswer | undefined {
    return this.#line[0]
  }

  add(awaited: AwaitedAnswer): void {
    this.#line.push(awaited)
  }

  /** The first one is answered. */
  shift(): void {
    this.#line.shift()
  }

  /** Takes our own answers whose turn it is. */
  *takeOwn(): Generator<readonly Buffer[]> {
    for (let own = this.next?.own; own !== undefined; own = this.next?.own) {
      this.shift()
      yield own
    }
  }
}

/** How many answers of the broker make one. */
export function answersDue({ judged }: AwaitedAnswer): number {
  return judged.kind === 'forward' && judged.requests !== 'same' ? judged.requests.length : 1
}
