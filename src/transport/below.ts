import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** The connection below TLS: bytes received, including the records. */
export interface Carrier {
  readonly bytesRead: number
}

/** Maps a TLS connection to the connection below it. */
const BELOW = new WeakMap<Socket, Carrier>()

/** The connection below this one; null without TLS. */
export function below(socket: Socket): Carrier | null {
  return BELOW.get(socket) ?? null
}

/** From now on it is known. */
export function carries(carrier: Carrier, socket: TLSSocket): void {
  BELOW.set(socket, carrier)
}

interface InsideNode {
  readonly _handle?: { readonly _parent?: Partial<Carrier> | null } | null
}

/**
 * Finds the connection below one that `tls.connect` has just opened itself. Only the other way is
 * documented: a socket of ours, passed as `socket`, counts its bytes. But then Node ignores
 * `onread`, and each read costs 5 to 8 µs more. So this looks where Node (`_wrapHandle` in
 * lib/internal/tls/wrap.js, 24 to 26) keeps its handle for TCP. Throws an Error if it is not there:
 * a connection that cannot be counted is not opened (docs/connections.md).
 */
export function lookBelow(socket: TLSSocket): void {
  const handle = (socket as unknown as InsideNode)._handle?._parent
  if (typeof handle?.bytesRead !== 'number') {
    throw new Error(`Node ${process.version} does not tell what comes below TLS`)
  }
  carries(new Handle(handle as Carrier), socket)
}

interface TcpInNode {
  readonly _handle?: {
    /** What TLS wants of it: Node defines it anew where TLS takes a connection over. */
    readonly reading?: unknown
    readonly readStop?: () => unknown
    readonly readStart?: () => unknown
  } | null
}

/**
 * Nothing more is read of this TCP connection until `letRead`, not even in this turn of the event loop. Documented is `pause`, which
 * stops only once something has come of the data, and KeyUpdate messages bring none.
 * @returns false where Node does not let us
 */
export function holdBack(carrier: Socket): boolean {
  const handle = (carrier as unknown as TcpInNode)._handle
  if (handle === null || handle === undefined) return carrier.destroyed
  if (typeof handle.readStop !== 'function' || typeof handle.readStart !== 'function') return false
  handle.readStop()
  return true
}

/** It is read again, unless who reads it has paused it. */
export function letRead(carrier: Socket): void {
  const handle = (carrier as unknown as TcpInNode)._handle
  if (handle?.reading === true) handle.readStart?.()
}

/** The handle returns 0 once it is closed. */
class Handle implements Carrier {
  readonly #handle: Carrier
  #most = 0

  constructor(handle: Carrier) {
    this.#handle = handle
  }

  get bytesRead(): number {
    this.#most = Math.max(this.#most, this.#handle.bytesRead)
    return this.#most
  }
}
