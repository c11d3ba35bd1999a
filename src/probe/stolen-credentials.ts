import { X509Certificate } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fault } from '../fault.ts'
import { openAuthority } from '../pki/ca.ts'
import { readCrl } from '../pki/crl.ts'
import { blocks } from '../pki/pem.ts'
import { certificateNames } from '../pki/read.ts'
import type { ForgingAuthority, StolenCredentials } from './context.ts'

/** Credentials, and the trust domain of the name that they prove. */
export interface StolenIdentity extends StolenCredentials {
  readonly trustDomain: string
}

/** Reads `tls.crt` and `tls.key` of one module. Throws a Fault where one is missing or names none. */
export async function readStolenCredentials(directory: string): Promise<StolenIdentity> {
  const cert = await text(join(directory, 'tls.crt'))
  const key = await text(join(directory, 'tls.key'))
  const [leaf] = blocks('CERTIFICATE', cert)
  const uris = leaf === undefined ? [] : certificateNames(new X509Certificate(leaf).raw).uris
  const name = /^spiffe:\/\/([^/]+)\/(?:module\/([^/]+)|((?:operator|client)\/[^/]+))$/.exec(
    uris[0] ?? '',
  )
  if (name === null || uris.length !== 1) {
    throw fault(`the certificate in ${directory} names no module`, {
      hint: 'okapi-sidecar certs issue mod-tags-3.1.0 makes one that does',
    })
  }
  const [, trustDomain = '', module, person] = name
  return { id: module ?? person ?? '', cert, key, directory, trustDomain }
}

/** Opens a development CA for making hostile certificates; nothing in it is changed. */
export async function readAuthority(
  directory: string,
): Promise<ForgingAuthority & { readonly trustDomain: string }> {
  const authority = await openAuthority(directory)
  const { signing: issuer, register } = await authority.read()
  const crl = await text(join(directory, 'ca.crl')).catch(() => '')
  const serials = blocks('X509 CRL', crl)
    .map(readCrl)
    .filter((list) => list.isSignedBy(issuer.certificate.publicKey))
    .flatMap((list) => [...list.serials])
  const { trustDomain } = register
  if (serials[0] === undefined) return { issuer, trustDomain }
  return { issuer, trustDomain, revokedSerial: positive(serials[0]) }
}

/** DER's INTEGER is signed: a first bit of one would make the serial negative. */
function positive(hex: string): Buffer {
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return bytes[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes
}

/** Reads a bundle of CA certificates. */
export async function readTrust(file: string): Promise<string> {
  const bundle = await text(file)
  if (blocks('CERTIFICATE', bundle).length === 0) throw fault(`there is no certificate in ${file}`)
  return bundle
}

async function text(file: string): Promise<string> {
  await access(file).catch((error) => {
    throw fault(`cannot read ${file} (${errorCode(error) ?? String(error)})`)
  })
  return readFile(file, 'utf8')
}
