import { contextTag, DerError, type Element, open, readElement, TAG } from './der.ts'
import { readOctetAlignedBits, readOid, readSmallInteger } from './der-values.ts'
import { EXTENSION, readExtensionList } from './extensions.ts'
import { type GeneralName, readGeneralNames } from './general-name.ts'
import { readName } from './name.ts'
import { type PublicKeyInfo, readPublicKeyInfo } from './public-key.ts'
import { algorithmOid, type Signed } from './signature.ts'

/** A certificate signing request (PKCS#10, RFC 2986), read but not yet verified. */
export interface SigningRequest {
  readonly publicKey: PublicKeyInfo
  /** The subjectAltName that it asks for; undefined if it asks for none. */
  readonly subjectAltName: readonly GeneralName[] | undefined
  /** The sender's proof that it holds the key. */
  readonly signed: Signed
}

/** PKCS#9: the attribute with the requested extensions (RFC 2985 5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** Parses one request without verifying its signature. Throws a DerError for anything else. */
export function parseSigningRequest(der: Uint8Array): SigningRequest {
  const outer = open(readElement(der), TAG.sequence)
  const info = outer.take(TAG.sequence)
  const algorithm = algorithmOid(outer.take(TAG.sequence))
  const bits = readOctetAlignedBits(outer.take(TAG.bitString))
  outer.end()
  const fields = open(info, TAG.sequence)
  if (readSmallInteger(fields.take(TAG.integer)) !== 0) {
    throw new DerError('a version that does not exist')
  }
  readName(fields.next())
  const publicKey = readPublicKeyInfo(fields.next())
  const subjectAltName = readRequestedNames(fields.maybe(contextTag(0, 'constructed')))
  fields.end()
  return { publicKey, subjectAltName, signed: { tbs: info.raw, algorithm, bits } }
}

function readRequestedNames(attributes: Element | undefined): readonly GeneralName[] | undefined {
  if (attributes === undefined) return undefined
  const items = open(attributes, attributes.tag)
  while (!items.done) {
    const attribute = open(items.next(), TAG.sequence)
    const type = readOid(attribute.take(TAG.oid))
    const values = open(attribute.take(TAG.set), TAG.set)
    attribute.end()
    if (type !== EXTENSION_REQUEST) continue
    const found = readExtensionList(values.next()).find(({ oid }) => {
      return oid === EXTENSION.subjectAltName
    })
    return found && readGeneralNames(found.value)
  }
  return undefined
}
