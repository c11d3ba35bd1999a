import { refuse } from './refusal.ts'
import { thisTurn } from './turn.ts'

/** Bytes that TLS has decrypted and that are not read yet because the connection is paused. */
export interface Decrypted {
  readonly readableLength: number
}

/** The part of the TCP connection below TLS that matters here: the bytes received, including records. */
export interface Underlying {
  readonly bytesRead: number
  /** Called when so many records came in one turn of the event loop that other connections wait. */
  busy?(): void
}

/** The key of `limits` that matters here. */
export interface OverheadLimits {
  /** 0: TLS records may carry any small amount of data. */
  readonly recordOverheadBytesPerSecond: number
}

export const FLOODED = refuse(
  'too-many',
  'its TLS records bring no data: KeyUpdate messages, or padding (limits.recordOverheadBytesPerSecond)',
  { limit: 'recordOverheadBytesPerSecond' },
)

const CODE = 'ERR_TLS_FLOODED'

/** The error that a flooding connection is destroyed with; its owner reports why it ended. */
export function floodError(): Error {
  return Object.assign(new Error(FLOODED.because), { code: CODE })
}

export function isFlood(error: Error): boolean {
  return 'code' in error && error.code === CODE
}

/** Maximum overhead of a record: 29 in TLS 1.2 with AES-GCM, 22 in TLS 1.3 (RFC 8446 5.2). */
const OF_RECORD = 29
/** More than any handshake needs; bytes beyond that, with its last message, are counted. */
const MOST_HANDSHAKE_BYTES = 32_768
/** An incomplete record, and one read that is not decrypted yet. */
const SLACK_BYTES = 131_072
const EVERY_MS = 500
/** Each record costs some 20 µs even if it is tiny; of full records of 16 KiB at most 128 come per turn. */
const MOST_IN_TURN = 256

/**
 * Counts the bytes below TLS since the handshake that brought no data, mainly KeyUpdate messages: each has 27 bytes
 * and costs 20 µs, and neither RFC 8446 nor OpenSSL limits their number. Node delivers each record with data
 * separately, and counts the bytes of the connection below TLS.
 */
export class RecordOverhead {
  readonly #below: Underlying | null
  readonly #decrypted: Decrypted
  /** Bytes that are explained by received data. */
  #explained = 0
  readonly #first: number
  readonly #begun: number
  #before: number
  #level = 0
  #turn = -1
  /** Records in this turn. */
  #records = 0
  #at: number

  /** `below`: null if there is no TLS, or the connection below it is not known. */
  constructor(below: Underlying | null, decrypted: Decrypted, now: number) {
    this.#below = below
    this.#decrypted = decrypted
    this.#first = Math.min(below?.bytesRead ?? 0, MOST_HANDSHAKE_BYTES)
    this.#before = this.#first
    this.#begun = now
    this.#at = now
  }

  /** Bytes that brought no data since the beginning, beyond limits.recordOverheadBytesPerSecond. */
  beyond(now: number, { recordOverheadBytesPerSecond: perSecond }: OverheadLimits): number {
    if (this.#below === null || perSecond === 0) return 0
    const allowed = (perSecond * (now - this.#begun)) / 1000
    return Math.max(0, this.#unexplained(this.#below) - this.#first - allowed)
  }

  /** A record brought this many bytes. */
  heard(bytes: number): void {
    this.#explained += bytes + OF_RECORD
    const turn = thisTurn()
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#records = 0
    }
    if (++this.#records === MOST_IN_TURN) this.#below?.busy?.()
  }

  /** Called by the coarse clock. @returns was limits.recordOverheadBytesPerSecond exceeded? */
  isTooMuch(now: number, { recordOverheadBytesPerSecond: perSecond }: OverheadLimits): boolean {
    const below = this.#below
    const passed = now - this.#at
    if (below === null || perSecond === 0 || passed < EVERY_MS) return false
    this.#at = now
    const unexplained = this.#unexplained(below)
    const more = unexplained - this.#before - (perSecond * passed) / 1000
    this.#before = unexplained
    this.#level = Math.max(0, this.#level + more)
    return this.#level > SLACK_BYTES
  }

  /** A paused connection holds more than one read: that is data not delivered yet. */
  #unexplained({ bytesRead }: Underlying): number {
    return bytesRead - this.#explained - this.#decrypted.readableLength
  }
}
