import { refuse } from './refusal.ts'
import { thisTurn } from './turn.ts'

/** What TLS has decrypted and is not read yet, because the connection is paused. */
export interface Decrypted {
  readonly readableLength: number
}

/** The TCP connection under TLS, as far as it matters: what it has received, records and all. */
export interface Underlying {
  readonly bytesRead: number
  /** So many records came in one turn of the event loop that others wait for it. */
  busy?(): void
}

/** What of `limits` decides here. */
export interface OverheadLimits {
  /** 0: TLS records may bring as little data as they like. */
  readonly recordOverheadBytesPerSecond: number
}

export const FLOODED = refuse(
  'too-many',
  'its TLS records bring no data: KeyUpdate messages, or padding (limits.recordOverheadBytesPerSecond)',
  { limit: 'recordOverheadBytesPerSecond' },
)

const CODE = 'ERR_TLS_FLOODED'

/** What a connection is destroyed with that floods: who serves it tells why it ended. */
export function floodError(): Error {
  return Object.assign(new Error(FLOODED.because), { code: CODE })
}

export function isFlood(error: Error): boolean {
  return 'code' in error && error.code === CODE
}

/** Most that a record needs beside its data: TLS 1.2 with AES-GCM; 22 in TLS 1.3 (RFC 8446 5.2). */
const OF_RECORD = 29
/** More than any handshake needs; what came with its last message is counted. */
const MOST_HANDSHAKE_BYTES = 32_768
/** A record that is not whole yet, and one read that waits to be decrypted. */
const SLACK_BYTES = 131_072
const EVERY_MS = 500
/** Each record costs some 20 µs, however little it brings; what comes in whole ones of 16 KiB are 128 a turn at most. */
const MOST_IN_TURN = 256

/**
 * Counts what came below TLS since the handshake and brought no data: KeyUpdate messages above all, each of which is
 * 27 bytes and costs 20 µs, and of which neither RFC 8446 nor OpenSSL allows only so many. Node hands
 * on each record that has data by itself, and counts the bytes of the connection that carries it.
 */
export class RecordOverhead {
  readonly #below: Underlying | null
  readonly #decrypted: Decrypted
  /** What the data that came explains. */
  #explained = 0
  readonly #first: number
  readonly #begun: number
  #before: number
  #level = 0
  #turn = -1
  /** In this turn. */
  #records = 0
  #at: number

  /** `below`: null where there is no TLS, or nothing is known of it. */
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

  /** A record brought so many bytes. */
  heard(bytes: number): void {
    this.#explained += bytes + OF_RECORD
    const turn = thisTurn()
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#records = 0
    }
    if (++this.#records === MOST_IN_TURN) this.#below?.busy?.()
  }

  /** Called by the coarse clock. @returns did more come than limits.recordOverheadBytesPerSecond? */
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

  /** A paused connection holds more than one read: that is data, which has not been heard yet. */
  #unexplained({ bytesRead }: Underlying): number {
    return bytesRead - this.#explained - this.#decrypted.readableLength
  }
}
