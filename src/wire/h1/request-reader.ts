import type { Socket } from 'node:net'
import { thisTurn } from '../../refusal/turn.ts'
import type { Exchange } from '../exchange.ts'
import type { WireSettings } from '../face.ts'
import { FLAW, requestRefusal } from '../flaws.ts'
import { Head } from '../head.ts'
import { Upload } from '../upload.ts'
import type { WriteBuffer } from '../write-buffer.ts'
import { Body, Discard } from './body.ts'
import type { Deadlines } from './deadlines.ts'
import { ReadBuffer } from './read-buffer.ts'
import { parseRequestHead } from './request-head.ts'

const HEAD = new Head()

/** What a reader needs from its connection. */
export interface Connection {
  /** Further input is useless. */
  sayGoodbye(): void
  /** There may be something to do. */
  resume(): void
}

/**
 * Reads one request after the other and passes each to the exchange. Everything that one read
 * brings of a request is judged before the upstream gets its first byte; what cannot be used yet is
 * kept.
 */
export class RequestReader<N> {
  /** True during `read`: requests for more work are only marked then. */
  busy = false
  readonly #x: Exchange<N>
  readonly #connection: Connection
  readonly #socket: Socket
  readonly #settings: WireSettings
  readonly #writeBuffer: WriteBuffer
  readonly #deadlines: Deadlines
  readonly #body: Body
  readonly #upload: Upload<N>
  readonly #readBuffer: ReadBuffer
  readonly #discard = new Discard()
  readonly #inRecords: boolean
  /** The turn in which a request was answered during its own read; -1: none. */
  #answeredIn = -1
  readonly #turnEnds = () => this.#connection.resume()

  constructor(
    x: Exchange<N>,
    connection: Connection,
    socket: Socket,
    settings: WireSettings,
    writeBuffer: WriteBuffer,
    deadlines: Deadlines,
  ) {
    this.#x = x
    this.#connection = connection
    this.#socket = socket
    this.#settings = settings
    this.#writeBuffer = writeBuffer
    this.#deadlines = deadlines
    this.#body = new Body(settings.requestNames, null)
    this.#upload = new Upload(x, this.#body, true)
    this.#readBuffer = new ReadBuffer(socket)
    this.#inRecords = 'encrypted' in socket
  }

  /** Bytes that were not processed: an incomplete head, pipelined requests. */
  get unreadBytes(): number {
    return this.#readBuffer.heldBytes
  }

  /** All bytes that are kept. */
  get heldBytes(): number {
    return this.#readBuffer.heldBytes + this.#upload.heldBytes
  }

  /** Do requests wait for the next turn? */
  get waitsForTurn(): boolean {
    return this.#readBuffer.hasAside
  }

  /** Is nothing kept, and the socket read? */
  get isIdle(): boolean {
    return !this.#readBuffer.paused && this.heldBytes === 0
  }

  get paused(): boolean {
    return this.#readBuffer.paused
  }

  /** Bytes came. */
  data(bytes: Buffer): void {
    const usable = this.#readBuffer.join(bytes, !this.#x.open, this.#settings.limits)
    if (usable !== null) this.#read(usable)
  }

  /** There may be something to do with what is kept. */
  resume(): void {
    this.#upload.forward()
    this.#read(this.#readBuffer.take())
  }

  /** Reads from the socket again if new bytes could be used. */
  readOn(): void {
    if (!this.#readBuffer.paused || this.waitsForTurn) return
    const { open, upstream } = this.#x
    // What is held after an exchange is an incomplete head: only more bytes can complete it.
    if (open && (this.heldBytes > 0 || (!this.#body.done && upstream?.blocked))) return
    if (!open && this.#writeBuffer.clogged) return
    this.#readBuffer.resume()
  }

  /** Reads what follows a complete request, so that the end of input after it is noticed. */
  peek(): void {
    if (!this.#readBuffer.paused || !this.#body.done) return
    const { readableLength } = this.#socket
    if (readableLength === 0) return
    const { bufferedBytesPerExchange } = this.#settings.limits
    if (this.heldBytes + readableLength <= bufferedBytesPerExchange) this.#socket.read()
  }

  /** The exchange is over: the part of its body that the upstream has not read is dropped. */
  next(): void {
    if (this.busy) this.#answeredIn = thisTurn()
    this.#upload.drop()
    this.#deadlines.await(this.#discard.active ? 'body' : 'request')
  }

  /** Nothing more is wanted. */
  drop(): void {
    this.#upload.drop()
    this.#readBuffer.drop()
    this.#readBuffer.paused = false
    this.#discard.end()
  }

  #read(bytes: Buffer): void {
    this.busy = true
    // Read now: after everything was forwarded the length is gone.
    const { length } = bytes
    for (let i = 0; i < length && !this.#socket.destroyed && !this.#deadlines.leaving; ) {
      const next = this.#step(bytes, i)
      if (next === -1) break
      i = next
    }
    this.busy = false
    if (this.#inRecords && this.#x.waits) this.#upload.connectLater()
    else this.#x.connect()
    const { upstream } = this.#x
    if (upstream === null) return
    upstream.flush()
    if (upstream.blocked && !this.#body.done) this.#readBuffer.pause()
  }

  /**
   * Processes what it can from `i` on. @returns the position after it, or -1 when no more can be
   * used now
   */
  #step(bytes: Buffer, i: number): number {
    if (this.#discard.active) return this.#throwAway(bytes, i)
    const x = this.#x
    if (!x.open) {
      if (this.#writeBuffer.clogged) return this.#readBuffer.hold(bytes, i)
      return this.#hadItsTurn ? this.#waitForTurn(bytes, i) : this.#request(bytes, i)
    }
    if (this.#body.done) return this.#readBuffer.hold(bytes, i)
    const next = this.#upload.judge(bytes, i, bytes.length)
    if (next === -1) {
      x.fail(requestRefusal(FLAW.chunk))
      return -1
    }
    this.#deadlines.await(x.requestDone ? 'nothing' : 'body')
    if (x.requestDone || !this.#inRecords) x.connect()
    // It may have been refused meanwhile.
    if (x.open) this.#upload.handOn(bytes)
    return next
  }

  /**
   * Was a request answered here in this turn? A refused request needs no upstream, and one read
   * holds a thousand of them: a caller that pipelines them would delay all others with each of its
   * reads.
   */
  get #hadItsTurn(): boolean {
    return this.#answeredIn !== -1 && this.#answeredIn === thisTurn()
  }

  #waitForTurn(bytes: Buffer, i: number): -1 {
    setImmediate(this.#turnEnds)
    return this.#readBuffer.setAside(bytes, i)
  }

  #request(bytes: Buffer, i: number): number {
    const { requestNames, limits } = this.#settings
    const next = parseRequestHead(HEAD, bytes, i, bytes.length, requestNames, limits)
    if (next === 0) {
      if (this.#deadlines.waitsFor === 'request') this.#deadlines.await('head')
      this.#readBuffer.keep(bytes, i)
      return -1
    }
    if (next < 0) {
      this.#x.refuseUnread(requestRefusal(next, HEAD.atFault))
      return -1
    }
    this.#begin(next < bytes.length)
    return next
  }

  /**
   * @param more bytes that arrived after the head: after a body it is not known yet what they are
   */
  #begin(more: boolean): void {
    const x = this.#x
    x.reset()
    this.#body.begin(HEAD, 'asItStands')
    const expects = HEAD.expects && HEAD.version === 11
    this.#deadlines.await(this.#body.done ? 'nothing' : 'body')
    const pipelined = more && this.#body.done
    if (this.#deadlines.lastExchange() && !pipelined) HEAD.keepAlive = false
    const refusal = x.begin(HEAD)
    if (refusal === null) {
      if (this.#body.done) x.connect()
      return
    }
    // A caller that waits for a 100 may or may not send the body, so the next bytes cannot be
    // interpreted.
    if (refusal.status === 400 || (expects && !this.#body.done)) x.keepAlive = false
    // A caller whose connection closes does not retry at once.
    if (x.keepAlive && this.#settings.refusals?.waits(x, refusal) === true) return
    if (x.keepAlive && !this.#body.done) this.#discard.begin()
    x.refuse(refusal)
  }

  #throwAway(bytes: Buffer, i: number): number {
    const next = this.#discard.take(this.#body, bytes, i)
    if (next === -1) this.#connection.sayGoodbye()
    else if (!this.#discard.active) this.#deadlines.await('request')
    return next
  }
}
