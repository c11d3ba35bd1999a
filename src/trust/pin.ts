import { productOf } from '../folio/module-id.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Identity } from './identity.ts'

/** Who must answer our call: exactly this module, or any version of this product. */
export type Pin = { readonly id: string } | { readonly product: string }

/** Is the peer the one that the pin names? Ids and products are compared whole. */
export function fitsPin(identity: Identity, pin: Pin): boolean {
  if (identity.kind !== 'module') return false
  return 'id' in pin ? identity.id === pin.id : identity.product === pin.product
}

/** The refusal of a peer that proved itself, but is not the one that was called; else undefined. */
export function pinRefusal(identity: Identity, pin: Pin): Refusal | undefined {
  if (fitsPin(identity, pin)) return undefined
  const wanted = 'id' in pin ? pin.id : `any version of ${pin.product}`
  const because = `called ${wanted}, but the peer proved to be ${labelOf(identity)}`
  return refuse('wrong-peer', because)
}

/**
 * As `pinRefusal`, for an address that may be called again. During an upgrade two versions are
 * behind one name, and while one of them restarts only the other answers: a version that is `known`
 * to be installed is not an impostor; the called one is just not there yet (`module-unavailable`).
 */
export function addressRefusal(
  identity: Identity,
  pin: Pin,
  known: (moduleId: string) => boolean,
): Refusal | undefined {
  const wrong = pinRefusal(identity, pin)
  if (wrong === undefined || !('id' in pin) || identity.kind !== 'module') return wrong
  if (identity.product !== productOf(pin.id) || !known(identity.id)) return wrong
  const because = `called ${pin.id}, and only ${identity.id} answers there`
  return refuse('module-unavailable', because)
}

/** `mod-users-19.7.0`, `operator/anna`, `client/sms`: how an identity is written in text. */
export function labelOf(identity: Identity): string {
  return identity.kind === 'module' ? identity.id : `${identity.kind}/${identity.name}`
}

/**
 * Key pins come on top of everything else. An entry of the full id goes before one of its product;
 * an identity without an entry is not pinned.
 */
export function spkiPinRefusal(
  identity: Identity,
  spkiSha256: string,
  pins: ReadonlyMap<string, ReadonlySet<string>> | undefined,
): Refusal | undefined {
  const label = labelOf(identity)
  const product = identity.kind === 'module' ? identity.product : undefined
  const keys = pins?.get(label) ?? (product === undefined ? undefined : pins?.get(product))
  if (keys === undefined || keys.has(spkiSha256)) return undefined
  const because = `the key of ${label} (SHA-256 ${spkiSha256}) is not one of those pinned for it`
  return refuse('untrusted-certificate', because)
}
