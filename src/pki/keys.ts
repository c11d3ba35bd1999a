import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { fault } from '../fault.ts'

/** The kinds of keys. The default is P-256, which every Java and browser in use supports. */
const KEY_KINDS = ['p256', 'p384', 'rsa2048', 'rsa3072'] as const

export type KeyKind = (typeof KEY_KINDS)[number]

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** A fresh key pair. */
export function makeKeys(kind: KeyKind = 'p256'): Promise<KeyPair> {
  const generate = promisify(generateKeyPair)
  if (kind === 'p256') return generate('ec', { namedCurve: 'P-256' })
  if (kind === 'p384') return generate('ec', { namedCurve: 'P-384' })
  return generate('rsa', { modulusLength: kind === 'rsa3072' ? 3072 : 2048 })
}

/** Reads a kind of key as typed; throws a Fault that lists the kinds. */
export function keyKind(text: string): KeyKind {
  const kind = KEY_KINDS.find((known) => known === text)
  if (kind === undefined) {
    throw fault(`unknown kind of key \`${text}\``, {
      hint: `use one of ${KEY_KINDS.join(', ')}`,
    })
  }
  return kind
}

/** The kind of key, or undefined if this program does not make keys of that kind. */
export function kindOf(key: KeyObject): KeyKind | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec') {
    return namedCurve === 'prime256v1' ? 'p256' : namedCurve === 'secp384r1' ? 'p384' : undefined
  }
  if (key.asymmetricKeyType !== 'rsa') return undefined
  return modulusLength === 2048 ? 'rsa2048' : modulusLength === 3072 ? 'rsa3072' : undefined
}

/** `P-256`, `RSA-2048`: the name of a key in tables. */
export function keyTitle(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return `RSA-${modulusLength ?? '?'}`
  if (key.asymmetricKeyType !== 'ec') return key.asymmetricKeyType ?? 'unknown'
  if (namedCurve === 'prime256v1') return 'P-256'
  return namedCurve?.replace(/^secp(\d+)r1$/, 'P-$1') ?? 'EC'
}
