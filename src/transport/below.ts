import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Holdable } from './held-reads.ts'

/** The connection below TLS: bytes received, including the records. */
export interface Carrier {
  readonly bytesRead: number
  /** Called when so many records came in one turn of the event loop that other connections wait. */
  busy?(): void
}

/** The same for a connection that we opened. */
export interface DialledCarrier extends Carrier, Holdable {
  whenBusy: (() => void) | undefined
}

/** Maps a TLS connection to the connection below it. */
const BELOW = new WeakMap<Socket, Carrier>()

/** The connection below this one; null without TLS. */
export function below(socket: Socket): Carrier | null {
  return BELOW.get(socket) ?? null
}

/** Records the connection below a TLS connection. */
export function carries(carrier: Carrier, socket: TLSSocket): void {
  BELOW.set(socket, carrier)
}

interface InsideNode {
  readonly _handle?: { readonly _parent?: (Partial<Carrier> & TcpHandle) | null } | null
}

/**
 * Finds the connection below one that `tls.connect` has just opened itself. Only the other way is
 * documented: a socket of ours, passed as `socket`, counts its bytes. But then Node ignores
 * `onread`, and each read costs 5 to 8 µs more. So this looks where Node (`_wrapHandle` in
 * lib/internal/tls/wrap.js, 24 to 26) keeps its handle for TCP. Throws an Error if it is not there:
 * a connection that cannot be counted is not opened (docs/connections.md).
 */
export function lookBelow(socket: TLSSocket): DialledCarrier {
  const handle = (socket as unknown as InsideNode)._handle?._parent
  if (typeof handle?.bytesRead !== 'number' || !canHold(handle)) {
    throw new Error(`Node ${process.version} does not tell what comes below TLS`)
  }
  const carrier = new Handle(handle as Carrier & TcpHandle, socket)
  carries(carrier, socket)
  return carrier
}

/** The part of Node's TCP handle that is used here. */
interface TcpHandle {
  /** Does TLS want to read? Node redefines it when TLS takes over a connection. */
  readonly reading?: unknown
  readonly readStop?: () => unknown
  readonly readStart?: () => unknown
}

/** The handle of a TCP connection, which may be below TLS; null if it is closed. */
export function handleBelow(carrier: Socket): TcpHandle | null {
  return (carrier as unknown as { readonly _handle?: TcpHandle | null })._handle ?? null
}

/**
 * Stops reading from this TCP connection until `letRead`, even in this turn of the event loop. The documented way, `pause`, stops
 * only when data arrives, and KeyUpdate messages bring none.
 * @returns false if Node does not allow it
 */
export function holdBack(handle: TcpHandle | null): boolean {
  if (handle === null || !canHold(handle)) return false
  handle.readStop?.()
  return true
}

function canHold({ readStop, readStart }: TcpHandle): boolean {
  return typeof readStop === 'function' && typeof readStart === 'function'
}

/** Reads it again, unless its reader has paused it. */
export function letRead(handle: TcpHandle | null): void {
  if (handle?.reading === true) handle.readStart?.()
}

/** The handle returns 0 once it is closed. */
class Handle implements DialledCarrier {
  whenBusy: (() => void) | undefined
  readonly #handle: Carrier & TcpHandle
  readonly #socket: TLSSocket
  #most = 0

  constructor(handle: Carrier & TcpHandle, socket: TLSSocket) {
    this.#handle = handle
    this.#socket = socket
  }

  get bytesRead(): number {
    this.#most = Math.max(this.#most, this.#handle.bytesRead)
    return this.#most
  }

  busy(): void {
    this.whenBusy?.()
  }

  holdBack(): boolean {
    return this.#socket.destroyed || holdBack(this.#handle)
  }

  letRead(): void {
    if (!this.#socket.destroyed) letRead(this.#handle)
  }
}
