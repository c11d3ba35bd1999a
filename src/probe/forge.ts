import type { AlternativeName } from '../pki/extensions.ts'
import { chainPem, type Issuer, keyPem, makeLeaf, makeRoot } from '../pki/issuer.ts'
import { makeKeys } from '../pki/keys.ts'
import type { KeyPair } from './door.ts'

const VALID_MS = 3600_000

/** A CA that nobody trusts, though it may be called as one that somebody does. */
export function foreignRoot(trustDomain: string): Promise<Issuer> {
  return makeRoot({
    commonName: `${trustDomain} CA`,
    organization: trustDomain,
    now: new Date(),
    validForMs: VALID_MS,
  })
}

/** A leaf with these names and nothing else unusual. */
export async function leaf(
  parent: Issuer,
  commonName: string,
  names: readonly AlternativeName[],
): Promise<KeyPair> {
  const keys = await makeKeys()
  const { publicKey } = keys
  const options = { commonName, names, publicKey, now: new Date(), validForMs: VALID_MS }
  return { cert: chainPem(makeLeaf(parent, options), parent), key: keyPem(keys) }
}

/** The only name that identifies a module. */
export function moduleUri(trustDomain: string, id: string): AlternativeName {
  return { kind: 'uri', value: `spiffe://${trustDomain}/module/${id}` }
}
