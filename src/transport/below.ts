import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** What carries a connection over TLS: bytes received, records and all. */
export interface Carrier {
  readonly bytesRead: number
}

/** Under a connection inside TLS what carries it. */
const BELOW = new WeakMap<Socket, Carrier>()

/** What carries this connection; null where there is no TLS. */
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
 * Finds what carries a connection that `tls.connect` has just opened by itself. Documented is only the other way:
 * a socket of ours, given as `socket`, tells its bytes. But then Node ignores `onread`, and each read costs
 * 5 to 8 µs more. So this looks where Node (`_wrapHandle` in lib/internal/tls/wrap.js, 24 to 26) keeps its handle for TCP.
 * Throws an Error where it is not there: what nothing is known of is not opened (docs/connections.md).
 */
export function lookBelow(socket: TLSSocket): void {
  const handle = (socket as unknown as InsideNode)._handle?._parent
  if (typeof handle?.bytesRead !== 'number') {
    throw new Error(`Node ${process.version} does not tell what comes below TLS`)
  }
  carries(new Handle(handle as Carrier), socket)
}

/** The handle tells 0 once it is closed. */
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
