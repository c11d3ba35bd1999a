import type { TLSSocket } from 'node:tls'
import { Budget } from '../refusal/budget.ts'
import type { CoarseClock } from './clock.ts'

/** TLS needs one in 2^24 records (RFC 8446 section 5.5). More than this at once plus per second is a flood. */
const AT_ONCE = 64
const PER_SECOND = 1

/** The end of the label CLIENT_TRAFFIC_SECRET_N, with the space after it. */
const UPDATED = Buffer.from('_N ')
const MOST_LABEL_BYTES = 32

/**
 * Does this line of Node's `keylog` show a KeyUpdate message? OpenSSL logs the new secret of each (`tls13_update_key` in
 * ssl/tls13_enc.c) while it reads: nothing else runs JavaScript between such messages. The secret is not needed, and is erased.
 */
export function tellsOfKeyUpdate(line: Buffer): boolean {
  const end = line.indexOf(0x20)
  const tells = end < MOST_LABEL_BYTES && line.subarray(end - 2, end + 1).equals(UPDATED)
  line.fill(0)
  return tells
}

/** Counts the KeyUpdate messages, and others without data, of one connection in both directions. */
export class KeyUpdates {
  readonly #budget: Budget

  constructor(now: number) {
    this.#budget = new Budget(AT_ONCE, PER_SECOND, now)
  }

  /** Counts one more. @returns are there too many? */
  isOneTooMany(now: number): boolean {
    return !this.#budget.spend(now)
  }
}

/**
 * Counts the messages without data on a connection that we opened: KeyUpdate, and session tickets, which only servers send
 * (RFC 8446 section 4.6.1). Tickets are not used here; they have 41 bytes and cost as much CPU. `flooded` is called during a
 * read as soon as there are too many; it has to destroy the socket, and may be called again until Node has done so.
 */
export function countEmptyMessages(
  socket: TLSSocket,
  clock: CoarseClock,
  flooded: () => void,
): void {
  let messages: KeyUpdates | undefined
  const count = () => {
    if (socket.destroyed) return
    messages ??= new KeyUpdates(clock.now)
    if (messages.isOneTooMany(clock.now)) flooded()
  }
  socket.on('keylog', (line: Buffer) => {
    if (tellsOfKeyUpdate(line)) count()
  })
  socket.on('session', count)
}
