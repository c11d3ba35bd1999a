import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fault } from '../fault.ts'
import { keyFlaw } from '../trust/profile.ts'
import { parseSigningRequest, type SigningRequest } from '../x509/csr.ts'
import { DerError } from '../x509/der.ts'
import { type NamesByKind, namesByKind } from '../x509/general-name.ts'
import { isSignatureOf } from '../x509/signature.ts'
import type { CertificateAuthority, LeafOptions } from './ca.ts'
import { keyTitle } from './keys.ts'
import type { Issued } from './leaf.ts'
import { subjectOfUri } from './naming.ts'
import { readRegister } from './register.ts'
import { exists, privateKey, readStateText } from './state.ts'

/** A request whose sender has proven that it holds the key. */
export interface ProvenRequest {
  readonly publicKey: KeyObject
  /** The names that it asks for. Nothing else that it asks for is granted. */
  readonly names: NamesByKind
}

// Java's keytool writes NEW; openssl can write text before the block.
const BLOCK = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/

/** Reads a request, PEM or DER, and checks its signature and key. Throws a Fault with the reason. */
export function readRequest(bytes: Uint8Array, file: string): ProvenRequest {
  const base64 = BLOCK.exec(Buffer.from(bytes).toString('latin1'))?.[1]
  const request = parsed(base64 === undefined ? bytes : Buffer.from(base64, 'base64'))
  const where = { file }
  if (request === undefined) {
    throw fault('this is not a certificate signing request', {
      where,
      hint: 'a PKCS#10 request in PEM or DER, as `openssl req -new` and `keytool -certreq` write it',
    })
  }
  const { key: publicKey, spec } = request
  if (keyFlaw(spec.publicKey) !== undefined) {
    throw fault(`its key (${keyTitle(publicKey)}) is not accepted by any sidecar`, {
      where,
      hint: 'use P-256 or stronger, RSA of 2048 bits or more, or Ed25519',
    })
  }
  if (!isSignatureOf(spec.signed, publicKey)) {
    throw fault('its signature does not fit its key', { where, hint: 'make the request again' })
  }
  return { publicKey, names: namesByKind(spec.subjectAltName) }
}

function parsed(der: Uint8Array): { key: KeyObject; spec: SigningRequest } | undefined {
  try {
    const spec = parseSigningRequest(der)
    const key = Buffer.from(spec.publicKey.spki)
    return { key: createPublicKey({ key, format: 'der', type: 'spki' }), spec }
  } catch (error) {
    if (error instanceof DerError || errorCode(error) !== undefined) return undefined
    throw error
  }
}

/**
 * Signs a request. The certificate has the name that the operator gives, or the one URI that the
 * request asks for; if there are both, they must agree. DNS names and addresses that it asks for are
 * granted, nothing else is. If it throws a Fault, no file is left.
 */
export async function signRequest(
  authority: CertificateAuthority,
  file: string,
  name: string | undefined,
  options: Omit<LeafOptions, 'key' | 'dns' | 'ips'> = {},
): Promise<Issued> {
  const bytes = await readFile(file).catch((error) => {
    throw fault(`cannot read ${file} (${errorCode(error) ?? String(error)})`)
  })
  const request = readRequest(bytes, file)
  const { trustDomain } = await readRegister(authority.directory)
  const title = agreedName(request, name, trustDomain, file)
  const key = join(options.out ?? authority.directory, ...title.split('/'), 'tls.key')
  await mustFit(request, key)
  const { dns, ips } = request.names
  return authority.certify(title, request.publicKey, null, { ...options, dns, ips })
}

function agreedName(
  { names: { uris } }: ProvenRequest,
  name: string | undefined,
  trustDomain: string,
  file: string,
): string {
  const where = { file }
  const [uri, ...more] = uris
  if (more.length > 0)
    throw fault('it asks for several URIs', {
      where,
      hint: 'a certificate has one URI, its identity',
    })
  if (uri === undefined) {
    if (name !== undefined) return name
    throw fault('it asks for no URI', {
      where,
      hint: 'say what it is for: --name mod-users-19.7.0',
    })
  }
  const asked = subjectOfUri(uri, trustDomain)
  if (asked === undefined) {
    throw fault(`it asks for ${uri}, which this CA does not certify`, {
      where,
      hint: `as in spiffe://${trustDomain}/module/mod-users-19.7.0`,
    })
  }
  if (name === undefined || name === asked.title) return asked.title
  throw fault(`it asks for ${asked.title}, not for ${name}`, { where, hint: 'leave --name out' })
}

/** A key of ours in the directory of the certificate must be the key that signed the request. */
async function mustFit({ publicKey }: ProvenRequest, file: string): Promise<void> {
  if (!(await exists(file))) return
  const there = createPublicKey(privateKey(await readStateText(file), file))
  if (there.equals(publicKey)) return
  throw fault('this key is not the one of the request', {
    where: { file },
    hint: 'choose another place with --out',
  })
}
