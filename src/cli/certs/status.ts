import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { errorCode, fault } from '../../fault.ts'
import { shortId } from '../../pki/issuer.ts'
import { keyTitle } from '../../pki/keys.ts'
import { fingerprint } from '../../pki/leaf.ts'
import { placeOf } from '../../pki/places.ts'
import { type AuthorityState, crlsIn, exists, readState, readStateText } from '../../pki/state.ts'
import type { Crl } from '../../x509/crl.ts'
import { columns, json, progress } from '../terminal.ts'
import { durationMs } from './arguments.ts'
import {
  endsSoon,
  type Horizon,
  type Inspection,
  inspect,
  inspectDirectory,
  isWarning,
} from './inspect.ts'
import { inspectionJson, inspectionTable, summaryLine } from './inspections.ts'
import { listProblems, openSslProblems, rootFlaws } from './judgement.ts'
import { address, type Meeting, meet, type Peer, peerOf } from './meet.ts'
import { sideIn } from './rehearse.ts'

/** `certs status [DIR|host:port]`: 0 all well, 1 something ends soon or is broken. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      within: { type: 'string' },
      credentials: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const [target = values.dir, ...more] = positionals
  if (more.length > 0) {
    throw fault(`\`${more[0]}\` is one argument too many`, {
      hint: 'okapi-sidecar certs status certs-dev, or status mod-users:8443',
    })
  }
  const withinMs = values.within === undefined ? undefined : durationMs('within', values.within)
  const horizon = { now: new Date(), withinMs }
  const peer = (await exists(target)) ? undefined : peerOf(target)
  return peer === undefined
    ? statusOfDirectory(target, horizon, values.json)
    : statusOfPeer(peer, values.credentials, horizon, values.json)
}

async function statusOfDirectory(top: string, horizon: Horizon, asJson: boolean): Promise<number> {
  const ca = (await exists(join(top, 'index.json'))) ? await readState(top) : undefined
  const roots = ca === undefined ? [] : rootsOf(ca, horizon)
  const directories =
    ca === undefined
      ? await credentialDirectories(top)
      : [...(await mayBeNone(top)), ...(await emptied(ca))].toSorted()
  const leaves: Inspection[] = []
  // One after the other: trial handshakes for all directories at once could exceed their deadline.
  for (const [i, place] of directories.entries()) {
    progress(`${i + 1}/${directories.length} ${place}`)
    const name = folderName(top, place)
    const trustDomain = ca?.register.trustDomain
    const found = { place, name, trustDomain, keyElsewhere: keyElsewhere(ca, name) }
    const seen = await inspectDirectory(found, horizon)
    const more = ca === undefined ? [] : indexProblems(ca, place, seen)
    leaves.push({ ...seen, problems: [...seen.problems, ...more] })
  }
  progress('')
  const all = [...roots, ...leaves]
  if (asJson) json({ certificates: all.map((one) => inspectionJson(one, horizon.now)) })
  else process.stdout.write(`${page(all, horizon)}\n${summaryLine(all)}`)
  return verdict(all)
}

/** Differences between the index of a CA and one of its folders. */
function indexProblems(
  { register, directory }: AuthorityState,
  place: string,
  { name, uri, issuer, fingerprint: print }: Inspection,
): readonly string[] {
  if (uri === null) return []
  const whose = placeOf(register, directory, place)
  const isOurs = register.roots.some(({ id }) => id === issuer)
  const isKnown = register.issued.some((entry) => entry.fingerprint === print)
  return [
    ...(whose === undefined || whose === name ? [] : [`it is in the folder of ${whose}`]),
    ...(isOurs && !isKnown ? ['the index of the CA does not know it: issue a new one'] : []),
  ]
}

/** Folders written by the CA that no longer have a certificate: a sidecar could not start with them. */
async function emptied({ directory, register }: AuthorityState): Promise<readonly string[]> {
  const places = new Set(register.issued.flatMap((entry) => entry.directory ?? []))
  const found: string[] = []
  for (const place of places) {
    const path = join(directory, place)
    // A folder outside the CA may have been moved; a missing folder is of a module that was removed.
    const isOurs = !place.startsWith('..') && (await exists(path))
    if (isOurs && !(await exists(join(path, 'tls.crt')))) found.push(path)
  }
  return found
}

/** A CA that has issued nothing yet is not a problem. */
async function mayBeNone(top: string): Promise<readonly string[]> {
  return credentialDirectories(top).catch(() => [])
}

/** For a signing request the key stays with its sender. */
function keyElsewhere(ca: AuthorityState | undefined, directory: string): boolean {
  const entry = ca?.register.issued.findLast((one) => one.directory === directory)
  return entry?.key === 'elsewhere'
}

function rootsOf(ca: AuthorityState, horizon: Horizon): readonly Inspection[] {
  const crls = ca.crlPem === null ? [] : crlsIn(ca.crlPem, join(ca.directory, 'ca.crl'))
  return ca.roots.map(({ certificate, id, state }) => {
    const ending = endsSoon(certificate, horizon)
    const over = certificate.validToDate < horizon.now
    const dates = over ? ['expired'] : ending ? ['ends soon'] : []
    return {
      place: join(ca.directory, 'ca.crt'),
      name: state === 'signing' ? 'the CA itself' : `the CA's ${state} root`,
      uri: null,
      serial: certificate.serialNumber.toLowerCase(),
      key: keyTitle(certificate.publicKey),
      notBefore: certificate.validFromDate,
      notAfter: certificate.validToDate,
      issuer: id,
      fingerprint: fingerprint(certificate),
      dns: [],
      ips: [],
      problems: [
        ...rootFlaws(certificate),
        ...dates,
        ...listProblems(crls, [certificate], horizon.now),
      ],
      ending,
    }
  })
}

async function statusOfPeer(
  peer: Peer,
  credentials: string | undefined,
  horizon: Horizon,
  asJson: boolean,
): Promise<number> {
  const ours = credentials === undefined ? undefined : await sideIn(credentials)
  const meeting = await meet(peer, ours)
  const [leaf, ...shown] = meeting.chain
  const crls = credentials === undefined ? [] : await listsIn(credentials)
  const found = { chain: [leaf!, ...shown], roots: ours?.roots ?? [], crls }
  const refused = ours !== undefined && !meeting.takesUs ? [`refuses us: ${meeting.refusal}`] : []
  const seen = inspect(address(peer), address(peer), found, horizon, refused)
  const isRefused = seen.problems.some((problem) => !isWarning(problem))
  const problems = isRefused ? seen.problems : [...seen.problems, ...(await openSslProblems(found))]
  const one = { ...seen, problems }
  if (asJson) {
    const { protocol, cipher, takesUs, refusal } = meeting
    const certificate = inspectionJson(one, horizon.now)
    const verified = ours !== undefined
    json({
      ...certificate,
      protocol,
      cipher,
      verified,
      takesUs: verified ? takesUs : null,
      refusal,
    })
  } else {
    process.stdout.write(page([one], horizon))
    process.stdout.write(`\n${peerProse(one, meeting, ours !== undefined)}`)
  }
  return verdict([one])
}

/** The CRLs that a peer with these credentials would use. */
async function listsIn(directory: string): Promise<readonly Crl[]> {
  const file = join(directory, 'ca.crl')
  return (await exists(file)) ? crlsIn(await readStateText(file), file) : []
}

function peerProse(one: Inspection, meeting: Meeting, verified: boolean): string {
  const issuers = meeting.chain.slice(1).map(shortId).join(' <- ') || 'none'
  const trust = verified
    ? `${meeting.takesUs ? 'accepts our certificate' : 'refuses our certificate'}`
    : 'its chain is not verified: add --credentials DIR to verify it as a peer would'
  return [
    `${one.place}: ${meeting.protocol}, ${meeting.cipher}\n`,
    `issuers shown: ${issuers}; ${trust}\n`,
  ].join('')
}

function page(all: readonly Inspection[], { now }: Horizon): string {
  return inspectionTable(all, now, columns())
}

function verdict(all: readonly Inspection[]): number {
  return all.some(({ problems, ending }) => ending || problems.length > 0) ? 1 : 0
}

const DEEPEST = 2
const WHAT_TO_GIVE = 'give the directory of a CA or of credentials, or HOST:PORT'

/**
 * The credentials directories in a place: itself, `DIR/mod-users-19.7.0`, `DIR/operator/anna`. Throws
 * a Fault when there is none.
 */
export async function credentialDirectories(top: string): Promise<readonly string[]> {
  if (await exists(join(top, 'tls.crt'))) return [top]
  const found = await below(top, DEEPEST)
  if (found.length > 0) return found.toSorted()
  throw fault(`there is no tls.crt in ${top}, nor in a directory in it`, {
    hint: WHAT_TO_GIVE,
  })
}

async function below(directory: string, depth: number): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error) => {
    const why = errorCode(error) ?? String(error)
    throw fault(`cannot read ${directory} (${why})`, { hint: WHAT_TO_GIVE })
  })
  const found: string[] = []
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    const path = join(directory, entry.name)
    if (await exists(join(path, 'tls.crt'))) found.push(path)
    else if (depth > 1) found.push(...(await below(path, depth - 1)))
  }
  return found
}

/** The name of a directory in a table if its certificate has no URI. */
export function folderName(top: string, directory: string): string {
  return relative(top, directory) || directory
}
