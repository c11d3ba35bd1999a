import type { Refusal } from '../../refusal/refusal.ts'
import type { Exchange } from '../exchange.ts'
import type { DownstreamStream, WireSettings } from '../face.ts'
import { FLAW, interimFlaw, malformed, responseRefusal } from '../flaws.ts'
import { FRAMING, HEAD_METHOD, Head } from '../head.ts'
import { HalfHead } from '../partial-head.ts'
import { Body } from './body.ts'
import { parseResponseHead } from './response-head.ts'

const HEAD = new Head()
const UNTIL_CLOSE = 'it ends with its connection: over TLS its end cannot be told from a cut'

/**
 * What a read has led to. `more`: the response goes on, or is no longer wanted. `half`: only a part of a
 * head is there. `whole`: the response has ended; `excess`: more bytes came after its end.
 */
type Progress = 'more' | 'half' | 'whole' | 'excess' | Refusal

/** What a response needs from the connection that brings it. */
export interface ResponseConnection {
  /** The name of the upstream, for sentences. */
  readonly name: string
  /** A TLS connection can be cut on the way: then its end is not that of a response. */
  readonly isTls: boolean
  /** Nothing more is forwarded. */
  isDead(): boolean
}

/** Reads one response after the other from the bytes of a connection, and passes each to its exchange. */
export class UpstreamResponse<N> {
  /** The final head was forwarded: its body follows. */
  inBody = false
  /** May the connection be reused after this response? */
  keepAlive = false
  /** Seconds that the upstream promised to keep an idle connection, -1 unknown. */
  keepAliveSeconds = -1
  readonly #connection: ResponseConnection
  readonly #settings: WireSettings
  readonly #body: Body
  readonly #held = new HalfHead()
  #interim = 0

  constructor(connection: ResponseConnection, settings: WireSettings) {
    this.#connection = connection
    this.#settings = settings
    this.#body = new Body(settings.responseNames, settings.keepTrailer)
  }

  get heldBytes(): number {
    return this.#held.length
  }

  /** Forgets the response before. */
  begin(): void {
    this.inBody = false
    this.#interim = 0
  }

  /** Half a head is of no use any more. */
  drop(): void {
    this.#held.drop()
  }

  /** The first `length` bytes of `buffer` came. */
  read(x: Exchange<N>, buffer: Buffer, length: number): Progress {
    if (this.#held.length === 0) return this.#read(x, buffer, length)
    const joined = this.#held.join(buffer, 0, length, this.#settings.limits)
    return joined === null ? 'half' : this.#read(x, joined, joined.length)
  }

  /** No more bytes come. @returns is the response whole? */
  connectionEnded(downstream: DownstreamStream): boolean {
    return this.inBody && this.#body.connectionEnded(downstream)
  }

  #read(x: Exchange<N>, bytes: Buffer, end: number): Progress {
    let i = 0
    while (!this.inBody) {
      if (i === end) return 'more'
      const next = this.#head(x, bytes, i, end)
      if (typeof next !== 'number') return next
      i = next
    }
    if (i < end && !this.#body.done) {
      i = this.#body.take(bytes, i, end, x.downstream)
      if (i === -1) return responseRefusal(FLAW.chunk, this.#connection.name)
    }
    if (!this.#body.done) return 'more'
    return i < end ? 'excess' : 'whole'
  }

  /** @returns the position after one head and the body so far; else there is nothing more to do now */
  #head(x: Exchange<N>, bytes: Buffer, i: number, end: number): number | Progress {
    const { responseNames, limits } = this.#settings
    const { name } = this.#connection
    const toHead = x.method === HEAD_METHOD
    const next = parseResponseHead(HEAD, bytes, i, end, responseNames, limits, toHead)
    if (next === 0) {
      this.#held.keep(bytes, i, end)
      return 'more'
    }
    if (next < 0) return responseRefusal(next, name, HEAD.atFault)
    if (HEAD.status >= 200) return this.#final(x, bytes, next, end)
    const flaw = interimFlaw(HEAD.status, ++this.#interim)
    if (flaw !== null) return malformed(name, flaw)
    return x.respond(HEAD) && !this.#connection.isDead() ? next : 'more'
  }

  /** A final head: the part of the body that came with it is judged before anything is sent. */
  #final(x: Exchange<N>, bytes: Buffer, i: number, end: number): number | Progress {
    const { name, isTls } = this.#connection
    // Anything on the way can end the connection, and Node cannot tell that from a close_notify.
    if (HEAD.framing === FRAMING.untilClose && isTls) return malformed(name, UNTIL_CLOSE)
    this.#body.begin(HEAD, x.carry(HEAD))
    const next = this.#body.done ? i : this.#body.judge(bytes, i, end)
    if (next === -1) return responseRefusal(FLAW.chunk, name)
    if (!x.respond(HEAD) || this.#connection.isDead()) return 'more'
    this.inBody = true
    this.keepAlive = HEAD.keepAlive && HEAD.framing !== FRAMING.untilClose
    this.keepAliveSeconds = HEAD.keepAliveSeconds
    if (next > i) this.#body.handOn(bytes, x.downstream)
    return next
  }
}
