/**
 * The frame of PostgreSQL's protocol 3 (its documentation, chapter "Frontend/Backend Protocol"): after the
 * start-up every message is a type byte, an Int32 that counts itself and the body, and the body.
 */

/** Types of messages from the server that are looked at. */
export const FROM_SERVER = {
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  backendKeyData: 0x4b, // K
  readyForQuery: 0x5a, // Z
  negotiateProtocolVersion: 0x76, // v
} as const

/** Types of messages from the client that are looked at. */
export const FROM_CLIENT = {
  password: 0x70, // p, for every answer to an authentication request
  query: 0x51, // Q
  sync: 0x53, // S
  functionCall: 0x46, // F
} as const

/** A client that ends its session in good order says so. */
export const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])

/** Type and length. */
export const HEADER_BYTES = 5

/** The result for a complete message: it passes, is replaced, or ends the session. */
export type MessageVerdict = 'pass' | 'end' | Uint8Array

/** What decides about the messages of one direction. */
export interface MessageWatcher {
  /**
   * A message begins. `through`: its bytes pass as they arrive; called once for it. `whole`: `read`
   * gets it; may be called again until it is complete. `wait`: it stays, with everything after it,
   * until the next `scan`.
   */
  begins(type: number): 'through' | 'whole' | 'wait' | 'end'
  read(type: number, message: Buffer): MessageVerdict
}

/** `broken`: not a message, or longer than may be held. */
export type Scanned = 'on' | 'waiting' | 'end' | 'broken'

const NONE = Buffer.alloc(0)
/** PostgreSQL's own limit for what comes during a login (PG_MAX_AUTH_TOKEN_LENGTH). */
const LONGEST_HELD = 65_535

/** Finds the messages in a stream of bytes. It holds only messages that must be complete. */
export class MessageScanner {
  readonly #watcher: MessageWatcher
  /** Bytes of the message that passes which are still to come. */
  #left = 0
  /** The beginning of a message, not passed yet. */
  #held: Buffer = NONE

  constructor(watcher: MessageWatcher) {
    this.#watcher = watcher
  }

  /** Were only complete messages passed so far? */
  get atBoundary(): boolean {
    return this.#left === 0
  }

  /** Bytes that wait here. */
  get held(): number {
    return this.#held.length
  }

  /** Processes the next bytes; passes on what may pass, in order, before it returns. */
  scan(chunk: Buffer, pass: (bytes: Uint8Array) => void): Scanned {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = NONE
    const size = bytes.length
    let at = Math.min(this.#left, size)
    this.#left -= at
    // Bytes before this one were passed, or something went in their place.
    let from = 0
    let result: Scanned = 'on'
    while (at < size) {
      if (size - at < HEADER_BYTES) break
      const type = bytes[at]!
      const length = bytes.readInt32BE(at + 1)
      const end = at + 1 + length
      const wanted = length < 4 ? 'broken' : this.#watcher.begins(type)
      if (wanted === 'through') {
        at = Math.min(end, size)
        this.#left = end - at
        continue
      }
      if (wanted === 'wait') {
        result = 'waiting'
        break
      }
      if (wanted !== 'whole') {
        passRange(bytes, from, at, pass)
        return wanted
      }
      if (length > LONGEST_HELD) {
        passRange(bytes, from, at, pass)
        return 'broken'
      }
      if (end > size) break
      const verdict = this.#watcher.read(type, bytes.subarray(at, end))
      if (verdict === 'end') {
        passRange(bytes, from, at, pass)
        return 'end'
      }
      if (verdict !== 'pass') {
        passRange(bytes, from, at, pass)
        if (verdict.length > 0) pass(verdict)
        from = end
      }
      at = end
    }
    passRange(bytes, from, at, pass)
    // A copy, so that what is held does not keep the whole chunk alive.
    if (at < size) this.#held = Buffer.from(bytes.subarray(at))
    return result
  }
}

function passRange(bytes: Buffer, from: number, to: number, pass: (bytes: Uint8Array) => void) {
  if (to > from) pass(to - from === bytes.length ? bytes : bytes.subarray(from, to))
}

/** One message. */
export function message(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = type
  header.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([header, body])
}

/** Texts that end in NUL, as many as there are; undefined where the last one does not end. */
export function textsIn(bytes: Buffer): string[] | undefined {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at)
    if (end === -1) return undefined
    const text = utf8(bytes.subarray(at, end))
    if (text === undefined) return undefined
    texts.push(text)
    at = end + 1
  }
  return texts
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
