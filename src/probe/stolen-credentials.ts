import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fault } from '../fault.ts'
import { openAuthority } from '../pki/ca.ts'
import { certificateNames } from '../x509/certificate.ts'
import { isSignedBy, parseCrl } from '../x509/crl.ts'
import { positive } from '../x509/der-write.ts'
import { pemBlocks } from '../x509/pem.ts'
import type { ForgingAuthority, StolenCredentials } from './context.ts'

/** Credentials, and the trust domain of their name. */
export interface StolenIdentity extends StolenCredentials {
  readonly trustDomain: string
}

/** Reads `tls.crt` and `tls.key` of one module. Throws a Fault if one is missing or does not name a module. */
export async function readStolenCredentials(directory: string): Promise<StolenIdentity> {
  const cert = await text(join(directory, 'tls.crt'))
  const key = await text(join(directory, 'tls.key'))
  const [leaf] = pemBlocks('CERTIFICATE', cert)
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
  const serials = pemBlocks('X509 CRL', crl)
    .map(parseCrl)
    .filter((list) => isSignedBy(list, issuer.certificate.publicKey))
    .flatMap((list) => [...list.revoked])
  const { trustDomain } = register
  if (serials[0] === undefined) return { issuer, trustDomain }
  return { issuer, trustDomain, revokedSerial: positive(Buffer.from(serials[0], 'hex')) }
}

/** Reads a bundle of CA certificates. */
export async function readTrust(file: string): Promise<string> {
  const bundle = await text(file)
  if (pemBlocks('CERTIFICATE', bundle).length === 0)
    throw fault(`there is no certificate in ${file}`)
  return bundle
}

async function text(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error) => {
    throw fault(`cannot read ${file} (${errorCode(error) ?? String(error)})`)
  })
}
