import type { Socket } from 'node:net'
import type { LinkEnding } from '../../refusal/link-endings.ts'
import type { Avoiding, WireSettings } from '../face.ts'
import type { CallingStream } from './calling-stream.ts'
import type { LinkFrame } from './frame-reader.ts'
import { FRAME, LAST_ID, MOST_EXCHANGES } from './frames.ts'
import { LinkConnection } from './link.ts'
import type { LinkEvents } from './link-stream.ts'

/**
 * `H` is not a frame type. A peer that refuses us says so in HTTP/1.1, whatever protocol was
 * agreed.
 */
const FIRST_OF_HTTP = 0x48
/** A refusal at the handshake is much shorter, and arrives at once. */
const MOST_TEXT_BYTES = 16_384
const TEXT_MS = 2000

/** Who keeps a link. */
export interface LinkOwner<N> {
  /** No further exchange goes there. `successor`: another link will be needed. */
  leaves(link: CallingLink<N>, successor: boolean): void
  /** It does not answer: exchanges go elsewhere until it does, if that is possible. */
  doubts(link: CallingLink<N>): void
  /** It answers again. */
  trusts(link: CallingLink<N>): void
  /** The peer at this socket is leaving, returned an exchange, does not answer, or floods. */
  avoid(socket: Socket, how: Avoiding): void
  /** Its socket is closed. */
  closed(link: CallingLink<N>): void
}

/** The end of a link that opens exchanges. */
export class CallingLink<N> extends LinkConnection<CallingStream<N>> {
  /** The peer does not answer: it may be gone. */
  doubted = false
  /** Its peer's address. */
  readonly address: string
  readonly #keeper: LinkOwner<N>
  #heard = false
  #text: Buffer | null = null
  #textSince = 0

  constructor(
    socket: Socket,
    { peer, address }: { readonly peer: string; readonly address: string },
    settings: WireSettings,
    events: LinkEvents,
    keeper: LinkOwner<N>,
  ) {
    super(socket, peer, settings, events, settings.below?.(socket) ?? null)
    this.address = address
    this.#keeper = keeper
  }

  /** May another exchange be opened here? */
  get open(): boolean {
    return this.hasRoom && !this.doubted
  }

  /** The same, if there is no better link. */
  get hasRoom(): boolean {
    return !this.ended && !this.leaving && !this.peerLeaves && this.size < MOST_EXCHANGES
  }

  /** Since when no exchange has been open; `now` as long as one is. */
  restingMs(now: number): number {
    return this.size > 0 ? 0 : now - this.usedAt
  }

  /** Has an exchange been open within this time? False for a link that has carried none. */
  usedWithin(ms: number, now: number): boolean {
    return this.lastId > 0 && this.restingMs(now) < ms
  }

  /** Opens an exchange. */
  begin(stream: CallingStream<N>, head: Buffer, length: number): void {
    const id = this.lastId + 1
    this.opened(id, stream)
    stream.attach(this, id, head, length)
    if (id === LAST_ID) this.leave()
  }

  /** The peer has returned an exchange: it accepts no other, whatever it has said before. */
  refusesAll(): void {
    this.#keeper.avoid(this.socket, 'rest')
    this.leave()
  }

  override leave(): void {
    super.leave()
    this.#keeper.leaves(this, true)
  }

  override read(bytes: Buffer, start: number, end: number): number {
    this.overhead.heard(end - start)
    if (!this.#heard) {
      this.#heard = true
      if (bytes[start] === FIRST_OF_HTTP) {
        this.#text = Buffer.alloc(0)
        this.#textSince = this.settings.clock.now
        this.#keeper.leaves(this, false)
      }
    }
    if (this.#text === null) return super.read(bytes, start, end)
    this.#text = Buffer.concat([this.#text, bytes.subarray(start, end)])
    if (this.#text.length > MOST_TEXT_BYTES) this.close('bad-frame')
    return end
  }

  override tick(now: number): void {
    if (this.#text !== null && now - this.#textSince > TEXT_MS) this.close('turned-away')
    super.tick(now, this.size > 0)
  }

  /** Its address is reported first, because the socket has it only as long as it is open. */
  protected override flooded(): void {
    this.#keeper.avoid(this.socket, 'floods')
    super.flooded()
  }

  /** The peer has said its last word. */
  protected override peerEnded(): void {
    if (this.#text === null) return super.peerEnded()
    const text = this.#text
    for (const stream of this.streams.all()) stream.turnedAway(text)
    const reason = /^x-sidecar-refused: ([a-z-]{1,40})\r$/im.exec(text.toString('latin1'))?.[1]
    this.close('turned-away', reason ?? 'for no reason that it gave')
  }

  protected override head({ type, flags, id, bytes, start, end }: LinkFrame): LinkEnding | null {
    if (type !== FRAME.head) return 'bad-order'
    const stream = this.streams.get(id)
    return stream === undefined ? this.late(id) : stream.head(bytes, start, end, flags)
  }

  protected override peerLeft(): void {
    this.#keeper.avoid(this.socket, 'later')
    this.leave()
  }

  protected override restful(): void {
    if (this.leaving) this.finish()
  }

  override cancelled(): LinkEnding | null {
    return null
  }

  protected override answersLate(): void {
    this.doubted = true
    this.#keeper.avoid(this.socket, 'later')
    this.#keeper.doubts(this)
  }

  protected override answersAgain(): void {
    this.doubted = false
    this.#keeper.trusts(this)
  }

  protected override unusable(): void {
    this.#keeper.leaves(this, false)
  }

  protected override closed(): void {
    this.#keeper.closed(this)
  }
}
