import type { Refusal } from '../../refusal/refusal.ts'
import type { WireSettings } from '../face.ts'
import { FLAW, interimFlaw, malformed, responseRefusal } from '../flaws.ts'
import { Body, type Carry } from '../h1/body.ts'
import type { SpanSink } from '../h1/chunks.ts'
import { parseResponseHead } from '../h1/response-head.ts'
import { Head } from '../head.ts'
import { FLAG, LARGE_BYTES } from './frames.ts'
import { Receiver } from './sender.ts'

const HEAD = new Head()

/** Reads one response from the frames of a link: interim heads, a final one, a body, its end. */
export class ResponseReader {
  /** How much may still come. */
  readonly receiver = new Receiver()
  /** The head that was read last; valid until the next one is read, here or elsewhere. */
  readonly head = HEAD
  /** The final head has come. */
  inBody = false
  readonly #settings: WireSettings
  readonly #body: Body
  #interim = 0

  constructor(settings: WireSettings) {
    this.#settings = settings
    this.#body = new Body(settings.responseNames, settings.keepTrailer)
  }

  /** Forgets the response before. */
  begin(): void {
    this.receiver.begin()
    this.inBody = false
    this.#interim = 0
  }

  /**
   * Reads a whole head.
   * @param toHead the request was a HEAD
   * @param name of the peer, for the sentence
   * @returns what is wrong with it
   */
  readHead(
    bytes: Buffer,
    start: number,
    end: number,
    flags: number,
    toHead: boolean,
    name: string,
  ): Refusal | null {
    const { responseNames, limits } = this.#settings
    const next = parseResponseHead(HEAD, bytes, start, end, responseNames, limits, toHead)
    if (next < 0) return responseRefusal(next, name, HEAD.atFault)
    if (next !== end) return malformed(name, 'a head that is not whole')
    const { isInterim } = this
    let flaw = isInterim ? interimFlaw(HEAD.status, ++this.#interim) : null
    if (isInterim !== ((flags & FLAG.info) !== 0)) flaw = 'a mislabelled head'
    return flaw === null ? null : malformed(name, flaw)
  }

  /** Is the head that was read last an interim one? */
  get isInterim(): boolean {
    return HEAD.status < 200
  }

  /** Does it announce a large body? */
  get isLarge(): boolean {
    return HEAD.hasBody && HEAD.contentLength > LARGE_BYTES
  }

  /** The head that was read last was forwarded: its body follows. */
  beginBody(carry: Carry): void {
    this.inBody = true
    this.#body.begin(HEAD, carry)
  }

  /** Forwards [start, end) of the body. @returns what is wrong with it */
  readBody(
    bytes: Buffer,
    start: number,
    end: number,
    name: string,
    sink: SpanSink,
  ): Refusal | null {
    const next = this.#body.done ? -1 : this.#body.take(bytes, start, end, sink)
    if (next === -1) return responseRefusal(FLAW.chunk, name)
    if (next !== end) return malformed(name, 'more body than its head says')
    this.receiver.handedOn(end - start)
    return null
  }

  /** Nothing follows. @returns what is missing */
  end(name: string, sink: SpanSink): Refusal | null {
    if (!this.inBody) return malformed(name, 'an end without a beginning')
    if (this.#body.done || this.#body.connectionEnded(sink)) return null
    return malformed(name, 'less body than its head says')
  }

  /**
   * Reads an HTTP/1.1 head that came instead of frames; `beginBody` and `readRest` follow.
   * @returns the position after it, 0 or a FLAW
   */
  readText(text: Buffer, toHead: boolean): number {
    const { responseNames, limits } = this.#settings
    return parseResponseHead(HEAD, text, 0, text.length, responseNames, limits, toHead)
  }

  /** Forwards what follows the head in such a response. @returns is the response complete? */
  readRest(text: Buffer, start: number, sink: SpanSink): boolean {
    if (!this.#body.done) this.#body.take(text, start, text.length, sink)
    return this.#body.done
  }
}
