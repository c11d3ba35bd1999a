import { createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, fault } from '../fault.ts'
import type { CertificateAuthority, LeafOptions } from './ca.ts'
import { type Request, readRequest } from './csr.ts'
import type { Issued } from './leaf.ts'
import { subjectOfUri } from './naming.ts'
import { readRegister } from './register.ts'
import { exists, privateKey, text } from './state.ts'

/**
 * Signs a request. It is certified under the name that the operator gives, or under the one URI that
 * it asks for; where both are there they must agree. DNS names and addresses that it asks for are
 * granted, nothing else is. Throws a Fault, and then no file is left.
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
  { names: { uris } }: Request,
  name: string | undefined,
  trustDomain: string,
  file: string,
): string {
  const where = { file }
  const [uri, ...more] = uris
  if (more.length > 0)
    throw fault('it asks for several URIs', { where, hint: 'one is an identity' })
  if (uri === undefined) {
    if (name !== undefined) return name
    throw fault('it asks for no URI', {
      where,
      hint: 'say whom it is for: --name mod-users-19.7.0',
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

/** A key of ours that lies where the certificate goes must be the one that asked for it. */
async function mustFit({ publicKey }: Request, file: string): Promise<void> {
  if (!(await exists(file))) return
  const there = createPublicKey(privateKey(await text(file), file))
  if (there.equals(publicKey)) return
  throw fault('this key is not the one of the request', {
    where: { file },
    hint: 'choose another place with --out',
  })
}
