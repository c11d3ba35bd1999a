import { ID } from './names.ts'

/** The methods that are served, by index. FOLIO uses no others; CONNECT and TRACE are refused. */
export const SERVED_METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const
export type Method = (typeof SERVED_METHODS)[number]
export const HEAD_METHOD = SERVED_METHODS.indexOf('HEAD')

/** How a body ends (RFC 9112 section 6.3). */
export const FRAMING = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const

/** What happens to a line by wire's own rules. */
export const LINE = {
  /** It is the next room's to decide. */
  open: 0,
  /** It ends at this hop. */
  hop: 1,
  /** It frames the body: kept unchanged unless the body is framed again. */
  framing: 2,
} as const

/** How much a head may be. Units are in the names. */
export interface HeadLimits {
  readonly requestLineBytes: number
  readonly headerBytes: number
  readonly headerCount: number
}

/** The most lines that `limits.headerCount` may allow: positions live in fixed arrays. */
export const MOST_LINES = 1000

/** Ids are stamped with the number of their head; when it is used up, all stamps are wiped. */
const MOST_STAMP = 0xffff

/**
 * A message head as positions in the bytes that it was read from: nothing is copied or decoded.
 * One object serves a whole process, because a head is parsed, judged and rewritten in one turn.
 */
export class Head {
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  /** Behind the empty line. */
  end = 0

  /** Of a request: index into METHODS. */
  method = 0
  targetStart = 0
  targetEnd = 0
  /** Where the target's first `?` stands, or its end. */
  pathEnd = 0
  /** Of a response. */
  status = 0

  /** 10 or 11. */
  version = 11
  framing: number = FRAMING.none
  contentLength = 0
  keepAlive = true
  /** A Connection line says `close`; no other line overrides that. */
  closeAsked = false
  /** The other side's `Keep-Alive: timeout=N` in seconds, -1 without one. */
  keepAliveSeconds = -1
  /** There is an Expect field: the sender may wait before the body, and may never send it. */
  expects = false

  /** Of a head that a parser refused: the name of the field at fault, or ''. */
  atFault = ''

  count = 0
  readonly nameStart = new Int32Array(MOST_LINES + 1)
  readonly nameEnd = new Int32Array(MOST_LINES + 1)
  readonly valueStart = new Int32Array(MOST_LINES + 1)
  readonly valueEnd = new Int32Array(MOST_LINES + 1)
  readonly ids = new Uint8Array(MOST_LINES + 1)
  /** Of names under a prefix that may stand only once each. */
  readonly hashes = new Int32Array(MOST_LINES + 1)
  readonly action = new Uint8Array(MOST_LINES + 1)

  readonly #stamps = new Uint16Array(256)
  readonly #lines = new Int32Array(256)
  #stamp = 0
  readonly #texts: (string | undefined)[] = new Array(256).fill(undefined)

  /** Forgets the message before. */
  begin(bytes: Buffer, start: number): void {
    this.bytes = bytes
    this.start = start
    this.end = start
    this.method = 0
    this.status = 0
    this.version = 11
    this.framing = FRAMING.none
    this.contentLength = 0
    this.keepAlive = true
    this.closeAsked = false
    this.keepAliveSeconds = -1
    this.expects = false
    this.count = 0
    this.atFault = ''
    if (++this.#stamp > MOST_STAMP) {
      this.#stamps.fill(0)
      this.#stamp = 1
    }
  }

  /** Line of the first field with this id, or -1. */
  find(id: number): number {
    return this.#stamps[id] === this.#stamp ? this.#lines[id]! : -1
  }

  /** Records the line of an id; false if there was one already. */
  context(id: number, line: number): boolean {
    if (this.#stamps[id] === this.#stamp) return false
    this.#stamps[id] = this.#stamp
    this.#lines[id] = line
    return true
  }

  /** Connection names this line: it is not forwarded, and not found by its id. */
  endHere(line: number): void {
    this.action[line] = LINE.hop
    const id = this.ids[line]!
    if (this.find(id) !== line) return
    let next = line + 1
    while (next < this.count && (this.ids[next] !== id || this.action[next] === LINE.hop)) next++
    if (next < this.count) this.#lines[id] = next
    else this.#stamps[id] = 0
  }

  /** Does the head have a field with this id? */
  has(id: number): boolean {
    return this.#stamps[id] === this.#stamp
  }

  /** The value of a line, as Latin-1: every byte stays one character. */
  value(line: number): string {
    return this.bytes.toString('latin1', this.valueStart[line]!, this.valueEnd[line]!)
  }

  /** The value of the first field with this id, or undefined. */
  valueOf(id: number): string | undefined {
    const line = this.find(id)
    return line === -1 ? undefined : this.value(line)
  }

  /**
   * The same for a value that is probably that of the message before: a tenant, a token. A new
   * string is made only if it differs.
   */
  repeated(id: number): string | undefined {
    const line = this.find(id)
    if (line === -1) return undefined
    const known = this.#texts[id]
    if (known !== undefined && this.#is(line, known)) return known
    const text = this.value(line)
    this.#texts[id] = text
    return text
  }

  #is(line: number, text: string): boolean {
    const { bytes } = this
    const start = this.valueStart[line]!
    const { length } = text
    if (this.valueEnd[line]! - start !== length) return false
    for (let i = 0; i < length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** Where the line after `line` begins: behind its CR LF. */
  lineEnd(line: number): number {
    return line + 1 < this.count ? this.nameStart[line + 1]! : this.end - 2
  }

  /** Does the message have a body to come? */
  get hasBody(): boolean {
    return (
      this.framing === FRAMING.chunked ||
      this.framing === FRAMING.untilClose ||
      (this.framing === FRAMING.length && this.contentLength > 0)
    )
  }

  /**
   * Does the caller wait for a 100 before it sends the body? Of a HEAD none is told: behind a 1xx Netty reads
   * a body that its answer does not have (HttpClientCodec.isContentAlwaysEmpty, 4.1.128).
   */
  get awaitsContinue(): boolean {
    return this.expects && this.version === 11 && this.hasBody && this.method !== HEAD_METHOD
  }

  /** Is the field at `line` one of those that frame the body? */
  isFraming(line: number): boolean {
    const id = this.ids[line]
    return id === ID.contentLength || id === ID.transferEncoding
  }
}
