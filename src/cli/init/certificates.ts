import { join } from 'node:path'
import { fault } from '../../fault.ts'
import { createAuthority, openAuthority } from '../../pki/ca.ts'
import { trustDomain } from '../../pki/naming.ts'
import { exists } from '../../pki/state.ts'
import type { InstallationPlan } from './members.ts'
import { credentialsFolder, type LayoutOptions, layoutOf } from './sidecar-file.ts'

const LEAF_MS = 7 * 24 * 60 * 60 * 1000

/** The trust domain of the existing CA, else the wanted one. Throws a Fault if they differ. */
export async function trustDomainOf(out: string, wanted: string | undefined): Promise<string> {
  const ca = join(out, 'ca')
  if (!(await exists(join(ca, 'ca.crt')))) return trustDomain(wanted ?? 'folio.internal')
  const { register } = await (await openAuthority(ca)).read()
  if (wanted !== undefined && wanted !== register.trustDomain) {
    throw fault(`${ca} is a CA of the trust domain ${register.trustDomain}, not of ${wanted}`)
  }
  return register.trustDomain
}

/** Who has no certificate yet. */
export async function missingCertificates(
  out: string,
  { okapi, members }: InstallationPlan,
  operators: readonly string[],
): Promise<readonly string[]> {
  const names = [okapi, ...members].map(({ id }) => id)
  const wanted = [...names, ...operators.map((name) => `operator/${name}`)]
  const there = await Promise.all(
    wanted.map((name) => exists(join(out, credentialsFolder(name), 'tls.crt'))),
  )
  return wanted.filter((_, i) => there[i] !== true)
}

/** Issues them; makes the CA if there is none. Throws a Fault. */
export async function issueAll(
  out: string,
  names: readonly string[],
  { okapi, members }: InstallationPlan,
  options: LayoutOptions,
  trustDomain: string,
): Promise<void> {
  const directory = join(out, 'ca')
  const isThere = await exists(join(directory, 'ca.crt'))
  const authority = isThere
    ? await openAuthority(directory)
    : await createAuthority(directory, { trustDomain })
  const byId = new Map([okapi, ...members].map((member) => [member.id, member]))
  for (const name of names) {
    const member = byId.get(name)
    const { dns, ips } = member === undefined ? { dns: [], ips: [] } : layoutOf(member, options)
    const powerful = member === undefined || member.role === 'okapi'
    await authority.issue(name, { dns, ips, powerful, validForMs: LEAF_MS })
  }
}
