import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { Fault, fault } from '../fault.ts'
import type { CertificateAuthority } from './ca.ts'
import { CRL_VALID_MS, type Revocation, revoke } from './crl-issuance.ts'
import { stageEach, type Unwritten } from './files.ts'
import type { Issued } from './leaf.ts'
import { lifeMs, renew } from './renewal.ts'
import { crlsIn, currentLeaf, exists, leafDirectories, readStateText, trustFiles } from './state.ts'

/** When a certificate is renewed, as a part of its life. */
const RENEW_AT = 2 / 3
/** Spread around that point, so that leaves of one hour are not all renewed in one minute. */
const JITTER = 0.05

/** What one round of the agent did. */
export interface Round {
  readonly renewed: readonly Issued[]
  /** The CRL, if it was rewritten. */
  readonly crl: Revocation | undefined
  /** What could not be renewed or written, and why. It is tried again in the next round. */
  readonly failed: readonly { readonly name: string; readonly error: unknown }[]
  /** When there will be something to do next. */
  readonly next: Date
}

/** Throws a Fault for the first name that has no certificate in the CA's directory yet. */
export async function mustBeIssued({ directory }: CertificateAuthority, names: readonly string[]) {
  for (const name of names) {
    if (await exists(join(directory, ...name.split('/'), 'tls.crt'))) continue
    throw fault(`there is no certificate for ${name} to renew`, {
      hint: `okapi-sidecar certs issue ${name} --dir ${directory}`,
    })
  }
}

/**
 * Renews leaves after two thirds of their lifetime, and the CRL likewise. Leaves are written the way
 * Kubernetes mounts a secret, so that no reader sees key and certificate of two generations.
 */
export async function round(
  authority: CertificateAuthority,
  names: readonly string[],
): Promise<Round> {
  const now = authority.now()
  const renewed: Issued[] = []
  const failed: { name: string; error: unknown }[] = []
  const due: Date[] = []
  for (const name of names) {
    try {
      const leaf = await currentLeaf(join(authority.directory, ...name.split('/')))
      if (renewalOf(leaf) > now) {
        due.push(renewalOf(leaf))
        continue
      }
      const issued = await renew(authority, name, { mounted: true })
      renewed.push(issued)
      due.push(renewalOf(issued.certificate))
    } catch (error) {
      failed.push({ name, error })
    }
  }
  const { crl, next } = await freshCrl(authority, now)
  const unwritten = crl?.unwritten ?? (await deliverAgain(authority))
  for (const { directory, error } of unwritten)
    failed.push({ name: `the CRL in ${directory}`, error })
  return { renewed, crl, failed, next: earliest([...due, ...next]) }
}

/** The instant at which a leaf is renewed: the same at every call. */
export function renewalOf(leaf: X509Certificate): Date {
  const chance = Number.parseInt(leaf.serialNumber.slice(-4), 16) / 0xffff
  const part = RENEW_AT + (chance * 2 - 1) * JITTER
  return new Date(leaf.validFromDate.getTime() + lifeMs(leaf) * part)
}

async function freshCrl(authority: CertificateAuthority, now: Date) {
  const { crlPem } = await authority.read()
  if (crlPem === null) return { crl: undefined, next: [] }
  const due = dueIn(crlPem, join(authority.directory, 'ca.crl'))
  if (earliest(due) > now) return { crl: undefined, next: due }
  const crl = await revoke(authority, null, { distribute: true })
  return { crl, next: [new Date(now.getTime() + CRL_VALID_MS * RENEW_AT)] }
}

/** When each list of a file is to be renewed. */
function dueIn(pem: string, file: string): readonly Date[] {
  return crlsIn(pem, file).map(({ thisUpdate, nextUpdate }) => {
    return new Date(Math.min(thisUpdate + (nextUpdate - thisUpdate) * RENEW_AT, FAR))
  })
}

/** Copies the lists to the directories that could not be written when they were made: theirs is due. */
function deliverAgain(authority: CertificateAuthority): Promise<readonly Unwritten[]> {
  return authority.change(async (state, now) => {
    if (state.crlPem === null) return []
    const files = trustFiles(state)
    const places: { directory: string; files: typeof files }[] = []
    for (const directory of await leafDirectories(state)) {
      if (await isDue(join(directory, 'ca.crl'), now)) places.push({ directory, files })
    }
    const staged = await stageEach(places)
    await staged.commit()
    return staged.unwritten
  })
}

/** A list that cannot be read is due, a missing one is not: it was never copied there. */
async function isDue(file: string, now: Date): Promise<boolean> {
  if (!(await exists(file))) return false
  try {
    const dates = dueIn(await readStateText(file), file)
    return dates.length === 0 || earliest(dates) <= now
  } catch (error) {
    if (error instanceof Fault) return true
    throw error
  }
}

const FAR = Date.UTC(9999, 0)

function earliest(dates: readonly Date[]): Date {
  return new Date(Math.min(FAR, ...dates.map((date) => date.getTime())))
}
