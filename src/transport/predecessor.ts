import type { Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Address } from './address.ts'
import { bind, isInUse, type SharedPort } from './bind.ts'

/** The pause between two attempts to bind an address in use; connections are refused in between. */
const AGAIN_MS = 5

/** The process that had our addresses before. */
export interface Predecessor {
  /** Is it stopping, so that it will give up this address of ours? */
  givesUp(address: Address): Promise<boolean>
}

/** An address that a server has, or will have. */
export interface Taken {
  readonly address: Address
  /** Resolves when the server listens there; a Fault when it never will. */
  readonly taken: Promise<void>
}

/** How an address is taken. */
export interface TakeOptions {
  readonly shared?: SharedPort | undefined
  readonly predecessor?: Predecessor | undefined
  /** Is the address wanted no more? */
  readonly over: () => boolean
}

/**
 * As `bind`, but waits for an address that a predecessor will soon release. There is no other
 * hand-over: a port that two processes share (SO_REUSEPORT) could be joined by any process of the
 * same user, unnoticed.
 */
export async function take(
  server: Server,
  address: Address,
  { shared, predecessor, over }: TakeOptions,
): Promise<Taken> {
  const waits = async (error: unknown) =>
    isInUse(error) && predecessor !== undefined && (await predecessor.givesUp(address))
  const whenFree = async (): Promise<void> => {
    // Once more after it has ended, because it may have been asked too late.
    for (let stops = true; !over(); ) {
      await pause(AGAIN_MS)
      try {
        await bind(server, address, shared)
        if (over()) server.close()
        return
      } catch (error) {
        if (!stops) throw error
        stops = await waits(error)
      }
    }
  }
  try {
    return { address: await bind(server, address, shared), taken: Promise.resolve() }
  } catch (error) {
    if (!(await waits(error))) throw error
    const taken = whenFree()
    // It is told to who waits for it.
    taken.catch(() => {})
    return { address, taken }
  }
}
