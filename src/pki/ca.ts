import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { fault } from '../fault.ts'
import { toPem } from '../x509/pem.ts'
import { CA_KEY_MODE, PUBLIC_MODE, stage } from './files.ts'
import { type Issuer, keyPem, makeRoot, shortId } from './issuer.ts'
import { type KeyKind, makeKeys } from './keys.ts'
import { type Issued, writeLeaf } from './leaf.ts'
import { type Subject, subject, trustDomain } from './naming.ts'
import { locked, type Register, readRegister, registerFile } from './register.ts'
import { type AuthorityState, exists, readState } from './state.ts'

export type { Issued } from './leaf.ts'

const DAY_MS = 24 * 3600_000
/** Lifetime of a development root: long enough to work with, short enough that rollover is practised. */
const ROOT_VALID_MS = 90 * DAY_MS
/** A leaf is valid for a day, so that rotation is exercised daily. */
const LEAF_VALID_MS = DAY_MS

export interface AuthorityOptions {
  readonly trustDomain: string
  readonly key?: KeyKind
  readonly validForMs?: number
  /** 1 unless given: one intermediate may stand between root and leaf. */
  readonly pathLength?: number
  readonly now?: () => Date
}

export interface LeafOptions {
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly validForMs?: number
  readonly key?: KeyKind
  /** Needed for Okapi, operators and clients: descriptors do not limit their calls. */
  readonly powerful?: boolean
  /** The directory to write into, as `<out>/<name>/`; the CA's own unless given. */
  readonly out?: string
  /** An intermediate that signs instead of the root. */
  readonly under?: Issuer
  /** Write the directory the way Kubernetes mounts a secret: one symlink swapped for all files. */
  readonly mounted?: boolean
}

/** A CA in a directory: `ca.crt` (every root to be trusted), the key of each, `index.json`, `ca.crl`. */
export class CertificateAuthority {
  readonly directory: string
  readonly now: () => Date

  constructor(directory: string, now: () => Date = () => new Date()) {
    this.directory = directory
    this.now = now
  }

  /** The present content of the CA's directory. Throws a Fault that names the file at fault. */
  read(): Promise<AuthorityState> {
    return readState(this.directory)
  }

  /** Runs one change of the CA under its lock, on the present content of its directory. */
  change<T>(change: (state: AuthorityState, now: Date) => Promise<T>): Promise<T> {
    return locked(this.directory, async () => change(await this.read(), this.now()))
  }

  /** Issues a leaf with a new key and writes it. If it throws a Fault, no file is left. */
  async issue(name: string, options: LeafOptions = {}): Promise<Issued & { keyPem: string }> {
    const keys = await makeKeys(options.key)
    const key = keyPem(keys)
    const issued = await this.certify(name, keys.publicKey, key, options)
    return { ...issued, keyPem: key }
  }

  /** The same for a public key that is already there; `key` null leaves `tls.key` alone. */
  async certify(
    name: string,
    publicKey: KeyObject,
    key: string | null,
    options: Omit<LeafOptions, 'key'> = {},
  ): Promise<Issued> {
    const named = subject(name, (await readRegister(this.directory)).trustDomain)
    if (named.powerful && options.powerful !== true) throw needsPowerful(named)
    const { dns = [], ips = [], validForMs = LEAF_VALID_MS, out = this.directory } = options
    return this.change((state, now) =>
      writeLeaf(state, {
        subject: named,
        dns,
        ips,
        publicKey,
        keyPem: key,
        validForMs,
        now,
        dir: join(out, ...named.title.split('/')),
        ...(options.under === undefined ? {} : { under: options.under }),
        ...(options.mounted === undefined ? {} : { mounted: options.mounted }),
      }),
    )
  }
}

/** Makes a CA. Throws a Fault and changes nothing if there already is one. */
export async function createAuthority(
  directory: string,
  options: AuthorityOptions,
): Promise<CertificateAuthority> {
  const domain = trustDomain(options.trustDomain)
  const now = options.now ?? (() => new Date())
  for (const name of ['index.json', 'ca.key', 'ca.crt']) {
    if (await exists(join(directory, name))) throw alreadyThere(directory, name)
  }
  const date = now()
  const root = await newRoot(domain, date, options)
  const register: Register = {
    format: 1,
    trustDomain: domain,
    roots: [{ id: shortId(root.certificate), key: 'ca.key', state: 'signing' }],
    crlNumber: 0,
    issued: [],
  }
  // Keys made for development are never committed. A .gitignore that exists is left as it is.
  const ignore = { name: '.gitignore', content: '*\n', mode: PUBLIC_MODE }
  const staged = await stage(directory, [
    ...((await exists(join(directory, ignore.name))) ? [] : [ignore]),
    { name: 'ca.key', content: keyPem({ privateKey: root.key }), mode: CA_KEY_MODE },
    { name: 'ca.crt', content: toPem('CERTIFICATE', root.certificate.raw), mode: PUBLIC_MODE },
    registerFile(register, date),
  ])
  await staged.commit()
  return new CertificateAuthority(directory, now)
}

/** The CA in a directory. If there is none, throws a Fault with the command that makes one. */
export async function openAuthority(
  directory: string,
  now?: () => Date,
): Promise<CertificateAuthority> {
  const authority = new CertificateAuthority(directory, now)
  await authority.read()
  return authority
}

/** A root whose name no other root has: CRLs and chains are looked up by name. */
export async function newRoot(
  domain: string,
  now: Date,
  options: Pick<AuthorityOptions, 'key' | 'validForMs' | 'pathLength'>,
): Promise<Issuer> {
  const second = `${now.toISOString().slice(0, 19)}Z`
  return makeRoot({
    commonName: `${domain} development CA ${second}`.slice(-64),
    organization: domain,
    now,
    validForMs: options.validForMs ?? ROOT_VALID_MS,
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.pathLength === undefined ? {} : { pathLength: options.pathLength }),
  })
}

function needsPowerful({ title, kind }: Subject) {
  const who =
    kind === 'module'
      ? 'Okapi, which every module obeys'
      : kind === 'operator'
        ? 'an operator'
        : 'an outside system'
  return fault(`\`${title}\` is the name of ${who}`, {
    hint: 'to confirm, repeat the command with --powerful',
  })
}

function alreadyThere(directory: string, name: string) {
  const example = `okapi-sidecar certs issue mod-users-19.7.0 --dir ${directory}`
  return fault(`${join(directory, name)} is already there`, {
    hint: `issue from it (${example}), or choose another --dir`,
  })
}
