import type { KeyObject, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { nearest } from '../fault/nearest.ts'
import { fault } from '../fault.ts'
import { certificateNames } from '../x509/certificate.ts'
import type { CertificateAuthority } from './ca.ts'
import { BACKDATED_MS, keyPem } from './issuer.ts'
import { kindOf, makeKeys } from './keys.ts'
import { fingerprint, type Issued, writeLeaf } from './leaf.ts'
import { subject } from './naming.ts'
import { entryOfOurs, namesBelow, placeOf } from './places.ts'
import type { RegisterEntry } from './register.ts'
import { type AuthorityState, currentLeaf, exists, privateKey, readStateText } from './state.ts'

export interface RenewalOptions {
  /** The lifetime of the previous certificate unless given. */
  readonly validForMs?: number
  /** Keep the key: for peers that pin it. */
  readonly keepKey?: boolean
  /** Write the directory the way Kubernetes mounts a secret from now on. */
  readonly mounted?: boolean
}

/**
 * Issues a leaf again, for the same names, in the same directory, signed by the root that signs now.
 * Only what this CA has issued and not revoked: renewing grants nothing new. `target` is a
 * name or a directory. Throws a Fault, and then nothing has changed.
 */
export async function renew(
  authority: CertificateAuthority,
  target: string,
  options: RenewalOptions = {},
): Promise<Issued> {
  const dir = await directoryOf(authority.directory, target)
  return authority.change(async (state, now) => {
    const current = await currentLeaf(dir)
    const entry = known(state, current, dir)
    const { dns, ips } = certificateNames(current.raw)
    const { publicKey, keyPem: key } = await keyFor(dir, current, options)
    return writeLeaf(state, {
      subject: subject(entry.name, state.register.trustDomain),
      dns,
      ips,
      publicKey,
      keyPem: key,
      validForMs: options.validForMs ?? lifeMs(current) - BACKDATED_MS,
      now,
      dir,
      ...(options.mounted === undefined ? {} : { mounted: options.mounted }),
    })
  })
}

/** From the first to the last instant of a certificate. */
export function lifeMs({ validFromDate, validToDate }: X509Certificate): number {
  return validToDate.getTime() - validFromDate.getTime()
}

/** The directory given by a path or a name; throws a Fault when neither exists. */
export async function directoryOf(ca: string, target: string): Promise<string> {
  const named = join(ca, ...target.split('/'))
  for (const path of [target, named]) {
    if (await exists(join(path, 'tls.crt'))) return path
  }
  const near = nearest(target, await namesBelow(ca))
  throw fault(`there is no certificate for \`${target}\``, {
    hint:
      near !== undefined
        ? `did you mean \`${near}\`?`
        : `neither ${join(target, 'tls.crt')} nor ${join(named, 'tls.crt')} exists`,
  })
}

function known(state: AuthorityState, leaf: X509Certificate, dir: string): RegisterEntry {
  const { directory, register } = state
  const where = { file: join(dir, 'tls.crt') }
  const print = fingerprint(leaf)
  const entry = register.issued.find((one) => one.fingerprint === print)
  if (entry === undefined) throw unknown(state, leaf, where)
  const place = placeOf(register, directory, dir)
  // Otherwise mixed-up files would put one module's certificate and key into another's folder.
  if (place !== undefined && place !== entry.name) {
    throw fault(`it is the certificate of ${entry.name}, in the folder of ${place}`, {
      where,
      hint: `put that of ${place} there, or issue one: okapi-sidecar certs issue ${place} --dir ${directory}`,
    })
  }
  if (entry.revoked === undefined) return entry
  throw fault(`it was revoked at ${entry.revoked.at}`, {
    where,
    hint: `to issue a new one: okapi-sidecar certs issue ${entry.name}`,
  })
}

/** A lost index may have had it as revoked, so it is not renewed, even if this CA signed it. */
function unknown(state: AuthorityState, leaf: X509Certificate, where: { readonly file: string }) {
  const ours = entryOfOurs(state, leaf, null)
  if (ours === undefined) {
    return fault('this CA has not issued it', {
      where,
      hint: 'renew it with the CA that issued it',
    })
  }
  return fault('this CA has signed it, and its index does not know it: was a backup restored?', {
    where,
    hint: `issue a new one: okapi-sidecar certs issue ${ours.name} --dir ${state.directory}`,
  })
}

/** A new key of the same kind; the old one where it is to stay, or was never ours. */
async function keyFor(
  dir: string,
  leaf: X509Certificate,
  { keepKey = false }: RenewalOptions,
): Promise<{ publicKey: KeyObject; keyPem: string | null }> {
  const file = join(dir, 'tls.key')
  const ours = await exists(file)
  if (keepKey && ours && !leaf.checkPrivateKey(privateKey(await readStateText(file), file))) {
    throw fault('it is not the key of the certificate beside it', {
      where: { file },
      hint: 'renew without --keep-key',
    })
  }
  if (keepKey || !ours) return { publicKey: leaf.publicKey, keyPem: null }
  const keys = await makeKeys(kindOf(leaf.publicKey))
  return { publicKey: keys.publicKey, keyPem: keyPem(keys) }
}
