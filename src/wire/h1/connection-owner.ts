import type { Socket } from 'node:net'

/** What a connection to an upstream needs from the pool that keeps it. */
export interface ConnectionOwner<C> {
  /** The exchange is over and the connection may serve another. */
  released(connection: C): void
  /**
   * The peer ended it after a complete answer to a complete request: it wants no more calls at this
   * address.
   */
  leaves(socket: Socket): void
  /** The peer at this socket sends TLS records without data. */
  floods(socket: Socket): void
  /** The connection is closed, or must not be used again. */
  gone(connection: C): void
}
