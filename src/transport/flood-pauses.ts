import type { TLSSocket } from 'node:tls'
import { floodError, type OverheadLimits } from '../refusal/record-overhead.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { DialledCarrier } from './below.ts'
import type { CoarseClock } from './clock.ts'
import { HeldReads } from './held-reads.ts'
import { countEmptyMessages } from './key-updates.ts'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 300_000
/** After a pause connections are opened one at a time, because the next may flood too. */
const BETWEEN_MS = 1000
/** An address that has not flooded for this long after its pause is treated like any other. */
const FORGOTTEN_MS = 600_000
/** A limit, because addresses come and go with their pods. */
const MOST_REMEMBERED = 256

interface Flooder {
  floods: number
  /** No connection is opened before this time. */
  until: number
  /** No further connection is opened before this time. */
  next: number
}

/**
 * Addresses of one upstream that sent TLS records without data. Each such connection can block the event loop for a whole
 * turn, so no connections to them are opened for a while, longer each time. Other addresses and upstreams are not affected.
 */
export class FloodPauses {
  readonly #counts: boolean
  readonly #flooders = new Map<string, Flooder>()
  readonly #open = new Map<string, Map<TLSSocket, DialledCarrier | null>>()
  readonly #held = new HeldReads<DialledCarrier>()

  constructor({ recordOverheadBytesPerSecond }: Partial<OverheadLimits> = {}) {
    this.#counts = recordOverheadBytesPerSecond !== 0
  }

  /**
   * When one connection to this address floods with KeyUpdate messages, all are cut before another one is read. When one
   * brings many small records, all are read one by one.
   *
   * @param carrier null if many small records are ordinary on this connection
   * @param told called for the connection that floods
   */
  watch(
    socket: TLSSocket,
    carrier: DialledCarrier | null,
    key: string,
    clock: CoarseClock,
    told?: () => void,
  ): void {
    const same = this.#open.get(key) ?? new Map()
    this.#open.set(key, same.set(socket, carrier))
    socket.on('close', () => {
      same.delete(socket)
      if (same.size === 0 && this.#open.get(key) === same) this.#open.delete(key)
      if (carrier !== null) this.#held.drop(key, carrier)
    })
    if (carrier !== null) {
      carrier.whenBusy = () => {
        for (const each of same.values())
          if (each !== null) this.#held.hold(key, each, each === carrier)
      }
    }
    if (!this.#counts) return
    countEmptyMessages(socket, clock, () => {
      told?.()
      this.flooded(key, clock.now)
      for (const each of same.keys()) each.destroy(floodError())
    })
  }

  /** A connection to this address was ended because of a flood. Several at the same time count once. */
  flooded(key: string, now: number): void {
    const known = this.#flooders.get(key)
    if (known !== undefined && now < known.until) return
    const floods = (known?.floods ?? 0) + 1
    const until = now + Math.min(FIRST_PAUSE_MS * 2 ** (floods - 1), LONGEST_PAUSE_MS)
    this.#flooders.delete(key)
    this.#flooders.set(key, { floods, until, next: until })
    const [oldest] = this.#flooders.keys()
    if (this.#flooders.size > MOST_REMEMBERED && oldest !== undefined) this.#flooders.delete(oldest)
  }

  /** Why no connection to this address may be opened now; null if one may be. */
  refusal(key: string, now: number): Refusal | null {
    const known = this.#flooders.get(key)
    if (known === undefined) return null
    if (now >= known.until + FORGOTTEN_MS) this.#flooders.delete(key)
    else if (now < known.next) return this.#told(key, known.next - now)
    else known.next = now + BETWEEN_MS
    return null
  }

  /** The same for a connection that had been started before. */
  pause(key: string, now: number): Refusal | null {
    const until = this.#flooders.get(key)?.until ?? 0
    return now < until ? this.#told(key, until - now) : null
  }

  #told(key: string, ms: number): Refusal {
    const seconds = Math.ceil(ms / 1000)
    const because = `${key} sent TLS records that bring no data, and is left alone for another ${seconds} s`
    return refuse('upstream-malformed', because)
  }
}
