import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { fault } from '../fault.ts'
import { bitContents, type Der, decode, dotted, encode, isTagged, members } from './der.ts'
import { digestOf, isStrong, keyTitle } from './keys.ts'
import { type Names, namesAmong, readExtensions } from './read.ts'

/** A certificate signing request whose sender has proven to hold the key (RFC 2986). */
export interface Request {
  readonly publicKey: KeyObject
  /** What it asks to be called. Whatever else it asks for is not granted. */
  readonly names: Names
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'
// Java's keytool writes NEW.
const BLOCK = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/

/** Reads a request, PEM or DER, and checks its signature and key. Throws a Fault with the reason. */
export function readRequest(bytes: Uint8Array, file: string): Request {
  const base64 = BLOCK.exec(Buffer.from(bytes).toString('latin1'))?.[1]
  const der = base64 === undefined ? bytes : Buffer.from(base64, 'base64')
  const parsed = parse(der)
  const where = { file }
  if (parsed === undefined) {
    throw fault('this is not a certificate signing request', {
      where,
      hint: 'a PKCS#10 request in PEM or DER, as `openssl req -new` and `keytool -certreq` write it',
    })
  }
  const { publicKey } = parsed
  if (!isStrong(publicKey)) {
    throw fault(`its key (${keyTitle(publicKey)}) is not taken by any sidecar`, {
      where,
      hint: 'use P-256 or stronger, or RSA of 2048 bits or more',
    })
  }
  if (!parsed.holdsKey()) {
    throw fault('its signature does not fit its key', { where, hint: 'make the request again' })
  }
  return { publicKey, names: parsed.names }
}

function parse(der: Uint8Array) {
  try {
    const [info, algorithm, signature] = members(decode(der))
    if (info === undefined) return undefined
    const [, , spki, attributes] = members(info)
    if (spki === undefined) return undefined
    const publicKey = createPublicKey({ key: encode(spki), format: 'der', type: 'spki' })
    const digest = digestOf(dotted(members(algorithm)[0]))
    const bytes = bitContents(signature)
    return {
      publicKey,
      names: requestedNames(attributes),
      // What is verified is the request as DER writes it: one in another encoding fails.
      holdsKey: () =>
        digest !== undefined &&
        verify(digest, encode(info), { key: publicKey, dsaEncoding: 'der' }, bytes),
    }
  } catch {
    return undefined
  }
}

function requestedNames(attributes: Der | undefined): Names {
  if (!isTagged(attributes, 0)) return namesAmong([])
  for (const attribute of members(attributes)) {
    const [type, values] = members(attribute)
    if (dotted(type) === EXTENSION_REQUEST) return namesAmong(readExtensions(members(values)[0]))
  }
  return namesAmong([])
}
