import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange } from '../exchange.ts'
import type { UpstreamStream } from '../face.ts'

/** An exchange whose connection is still being opened: this takes the place of the stream. */
export class WaitingExchange<N> implements UpstreamStream {
  readonly blocked = true
  readonly x: Exchange<N>
  readonly head: Buffer
  /** Until then it does not fail because a dial found nothing listening. */
  readonly giveUpAt: number
  /** The error of that dial, while it waits for the next one. */
  unreached: Refusal | null = null
  readonly #leave: (waiting: WaitingExchange<N>) => void

  constructor(
    x: Exchange<N>,
    head: Buffer,
    giveUpAt: number,
    leave: (waiting: WaitingExchange<N>) => void,
  ) {
    this.x = x
    this.head = head
    this.giveUpAt = giveUpAt
    this.#leave = leave
  }

  get bufferedBytes(): number {
    return this.head.length
  }

  span(): void {
    throw new Error('bytes for a connection that is not there yet')
  }

  flush(): void {}
  finish(): void {}
  resume(): void {}

  cancel(): void {
    this.#leave(this)
  }
}
