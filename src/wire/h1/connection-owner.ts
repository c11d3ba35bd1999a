import type { Socket } from 'node:net'

/** What a connection to an upstream asks of the pool that keeps it. */
export interface ConnectionOwner<C> {
  /** The exchange is over and the connection may serve another. */
  released(connection: C): void
  /** The peer ended it with a whole answer to a whole request: it wants no more at this address. */
  leaves(socket: Socket): void
  /** The peer at this socket sends TLS records without data. */
  floods(socket: Socket): void
  /** It is gone, or must not be used again. */
  gone(connection: C): void
}
