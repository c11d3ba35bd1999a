import { X509Certificate } from 'node:crypto'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, Fault, fault, type Problem } from '../fault.ts'
import { toPem } from '../x509/pem.ts'
import { type CertificateAuthority, newRoot } from './ca.ts'
import { CRL_VALID_MS, listsOf } from './crl-issuance.ts'
import { CA_KEY_MODE, stageAll } from './files.ts'
import { keyPem, makeLeaf, shortId } from './issuer.ts'
import { type KeyKind, makeKeys } from './keys.ts'
import { fingerprint, type Issued } from './leaf.ts'
import { leafNames, subject } from './naming.ts'
import { type Register, type RootEntry, registerFile } from './register.ts'
import { renew } from './renewal.ts'
import {
  type AuthorityRoot,
  type AuthorityState,
  currentLeaf,
  leafDirectories,
  readStateText,
  record,
  trustFiles,
  withKey,
} from './state.ts'

/** `idle`; `bundles`: the new root is trusted; `leaves`: it signs, the old one is still trusted. */
export type RolloverPhase = 'idle' | 'bundles' | 'leaves'

/** How far a rollover has come. */
export interface RolloverProgress {
  readonly phase: RolloverPhase
  /** The previous root; the only one when idle. */
  readonly from: AuthorityRoot
  readonly to: AuthorityRoot | undefined
  /** Directories whose `ca.crt` lacks the new root. */
  readonly lacking: readonly string[]
  /** Directories with a leaf of the old root. */
  readonly waiting: readonly string[]
}

/**
 * First step: a new root. It is trusted but not used yet; if the CA has a CRL, the new root gets its
 * first one too. Throws a Fault when a rollover is under way.
 */
export async function start(
  authority: CertificateAuthority,
  options: { readonly key?: KeyKind; readonly validForMs?: number } = {},
): Promise<readonly string[]> {
  return authority.change(async (state, now) => {
    if (state.roots.length > 1) {
      throw fault('a rollover is under way already', {
        hint: `okapi-sidecar certs rollover status --dir ${state.directory}`,
      })
    }
    const { trustDomain } = state.register
    const root = await newRoot(trustDomain, now, options)
    const id = shortId(root.certificate)
    const key = {
      name: `ca-${id}.key`,
      content: keyPem({ privateKey: root.key }),
      mode: CA_KEY_MODE,
    }
    // The key is written first: the CRL of the new root is signed with it.
    const keyFile = await stageAll([{ directory: state.directory, files: [key] }])
    await keyFile.commit()
    const entry: RootEntry = { id, key: key.name, state: 'next' }
    const roots = [...state.roots, { ...entry, certificate: root.certificate }]
    const register = { ...state.register, roots: [...state.register.roots, entry] }
    try {
      return await spread(state, register, roots, now)
    } catch (error) {
      await unlink(join(state.directory, key.name))
      throw error
    }
  })
}

/**
 * Second step: the new root signs, and every leaf that the CA has written is issued again. It may be
 * repeated. The caller has made sure that the peers trust the new root. If some leaves could not be
 * issued, the others still are, and then a Fault names each failed one.
 */
export async function reissue(authority: CertificateAuthority): Promise<readonly Issued[]> {
  await authority.change(async (state, now) => {
    const { phase, lacking, to } = await progressOf(state)
    if (phase === 'idle' || to === undefined) throw notStarted(state.directory)
    if (lacking.length > 0) {
      throw fault(`${lacking[0]} does not trust the new root yet`, {
        hint: `copy ${join(state.directory, 'ca.crt')} there`,
      })
    }
    if (phase === 'leaves') return
    const roots = state.register.roots.map((root): RootEntry => {
      return { ...root, state: root.id === to.id ? 'signing' : 'old' }
    })
    await record(state.directory, [registerFile({ ...state.register, roots }, now)])
  })
  const { waiting } = await progress(authority)
  const issued: Issued[] = []
  const problems: Problem[] = []
  for (const directory of waiting) {
    try {
      issued.push(await renew(authority, directory))
    } catch (error) {
      // One leaf that cannot be renewed must not keep the others on the old root.
      if (!(error instanceof Fault)) throw error
      problems.push(...error.problems)
    }
  }
  if (problems.length > 0) throw new Fault(problems)
  return issued
}

/**
 * Last step: the old root is removed from every bundle, and its key is destroyed. Throws a Fault while
 * a directory of the CA still holds a leaf of the old root; the caller has checked the live peers.
 */
export async function finish(authority: CertificateAuthority): Promise<readonly string[]> {
  return authority.change(async (state, now) => {
    const { phase, from, waiting } = await progressOf(state)
    if (phase === 'idle') throw notStarted(state.directory)
    if (phase === 'bundles' || waiting.length > 0) {
      const who = waiting[0] ?? 'every leaf'
      throw fault(`${who} still has a certificate of the old root ${from.id}`, {
        hint: `okapi-sidecar certs rollover leaves --dir ${state.directory}`,
      })
    }
    const roots = state.roots.filter(({ id }) => id !== from.id)
    const kept = state.register.roots.filter(({ id }) => id !== from.id)
    const directories = await spread(state, { ...state.register, roots: kept }, roots, now)
    await unlink(join(state.directory, from.key)).catch((error) => {
      if (errorCode(error) !== 'ENOENT') throw error
    })
    return directories
  })
}

/** How far the rollover of a CA has come. */
export async function progress(authority: CertificateAuthority): Promise<RolloverProgress> {
  return progressOf(await authority.read())
}

async function progressOf(state: AuthorityState): Promise<RolloverProgress> {
  const { roots } = state
  const next = roots.find((root) => root.state === 'next')
  const old = roots.find((root) => root.state === 'old')
  const signing = roots.find((root) => root.state === 'signing')!
  const directories = await leafDirectories(state)
  const to = next ?? (old === undefined ? undefined : signing)
  const from = old ?? signing
  if (to === undefined) return { phase: 'idle', from, to, lacking: [], waiting: [] }
  const lacking: string[] = []
  const waiting: string[] = []
  for (const directory of directories) {
    const bundle = await readStateText(join(directory, 'ca.crt')).catch(() => '')
    if (!bundle.includes(toPem('CERTIFICATE', to.certificate.raw))) lacking.push(directory)
    if (await hangsOn(state, directory, from)) waiting.push(directory)
  }
  return { phase: next === undefined ? 'leaves' : 'bundles', from, to, lacking, waiting }
}

async function hangsOn(
  { register }: AuthorityState,
  directory: string,
  root: AuthorityRoot,
): Promise<boolean> {
  const print = fingerprint(await currentLeaf(directory))
  const entry = register.issued.find((one) => one.fingerprint === print)
  return entry?.issuer === root.id && entry.revoked === undefined
}

/** Writes bundle, CRLs and index of the CA, then bundle and CRLs into every leaf's directory. */
async function spread(
  state: AuthorityState,
  changed: Register,
  roots: readonly AuthorityRoot[],
  now: Date,
): Promise<readonly string[]> {
  const bundlePem = roots.map(({ certificate }) => toPem('CERTIFICATE', certificate.raw)).join('')
  const number = changed.crlNumber + (state.crlPem === null ? 0 : 1)
  const register = { ...changed, crlNumber: number }
  const nextUpdate = new Date(now.getTime() + CRL_VALID_MS)
  const { directory, crlPem: before } = state
  const crlPem =
    before === null ? null : await listsOf({ directory, roots }, register, now, nextUpdate)
  const files = trustFiles({ bundlePem, crlPem })
  const directories = await leafDirectories(state)
  const staged = await stageAll(directories.map((place) => ({ directory: place, files })))
  // In this order: if the process ends in between, the index never names a root that the bundle lacks.
  const index = registerFile(register, now)
  const grows = roots.length > state.roots.length
  await record(directory, grows ? [...files, index] : [index, ...files], staged)
  return directories
}

/** A key with its certificate, for a few minutes and kept in memory. */
export interface Visitor {
  readonly cert: string
  readonly key: string
}

/**
 * A certificate of the new root, to find out which peers accept it. Its name is
 * `client/rollover-check`, which no policy allows anything. It is in the index like any other.
 */
export async function visitor(authority: CertificateAuthority): Promise<Visitor> {
  return authority.change(async (state, now) => {
    const { to } = await progressOf(state)
    if (to === undefined) throw notStarted(state.directory)
    const issuer = await withKey(state.directory, to)
    const named = subject('client/rollover-check', state.register.trustDomain)
    const keys = await makeKeys()
    const names = leafNames(named.uri, [], [])
    const plan = { commonName: named.title, names, publicKey: keys.publicKey, now }
    const der = makeLeaf(issuer, { ...plan, validForMs: VISIT_MS })
    const certificate = new X509Certificate(der)
    const entry = {
      serial: certificate.serialNumber.toLowerCase(),
      name: named.title,
      uri: named.uri,
      issuer: to.id,
      notBefore: certificate.validFromDate.toISOString(),
      notAfter: certificate.validToDate.toISOString(),
      fingerprint: fingerprint(certificate),
      directory: null,
      key: 'elsewhere' as const,
    }
    const issued = [...state.register.issued, entry]
    await record(state.directory, [registerFile({ ...state.register, issued }, now)])
    return { cert: toPem('CERTIFICATE', der), key: keyPem(keys) }
  })
}

const VISIT_MS = 10 * 60_000

function notStarted(directory: string) {
  return fault('no rollover is under way', {
    hint: `okapi-sidecar certs rollover start --dir ${directory}`,
  })
}
