import type { NewRefusal } from '../observe/status/last-refusals.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { originOf } from '../transport/address.ts'

/** A peer that was turned away before any request of it was read, for the status page. */
export function turnedAwayAs(
  { reason, because, status }: Refusal,
  peer: Pick<NewRefusal, 'direction' | 'caller' | 'requestId'>,
): NewRefusal {
  const nothingRead = { at: '', method: '', route: '' }
  return { timeMs: Date.now(), ...peer, ...nothingRead, status, reason, because, passed: false }
}

/** Who has proved nothing has an address. */
export function strangerAt(remoteAddress: string | undefined): string {
  return remoteAddress === undefined ? 'an unknown address' : originOf(remoteAddress).address
}
