import { createPrivateKey, X509Certificate } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { errorCode, fault } from '../fault.ts'
import {
  CA_KEY_MODE,
  LEAF_KEY_MODE,
  type NewFile,
  PUBLIC_MODE,
  type Staged,
  stage,
  stageAll,
} from './files.ts'
import { chainPem, type Issuer, issuer, keyPem, makeLeaf, makeRoot, shortId } from './issuer.ts'
import { type KeyKind, makeKeys } from './keys.ts'
import { leafNames, type Subject, subject, trustDomain } from './naming.ts'
import { blocks, pem } from './pem.ts'
import { type Entry, locked, type Register, readRegister, registerFile } from './register.ts'

const DAY_MS = 24 * 3600_000
/** A development root lives a season: long enough to work, short enough to be rolled over. */
const ROOT_VALID_MS = 90 * DAY_MS
/** A leaf lives a day, so that rotation is exercised daily. */
export const LEAF_VALID_MS = DAY_MS

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
  /** Needed for Okapi, operators and clients: they stand outside what descriptors limit. */
  readonly powerful?: boolean
  /** The directory to write into, as `<out>/<name>/`; the CA's own unless given. */
  readonly out?: string
  /** An intermediate that signs in the root's place. */
  readonly under?: Issuer
}

/** A leaf as it was written. */
export interface Issued {
  readonly subject: Subject
  readonly dir: string
  /** Leaf and intermediates, as `tls.crt` holds them. */
  readonly certPem: string
  readonly keyPem: string
  readonly certificate: X509Certificate
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  /** Whether another certificate stood in its place before. */
  readonly replaced: boolean
  /** The files in `dir`, by name. */
  readonly files: readonly string[]
}

/** A CA in a directory: `ca.crt` (every root to be trusted), the key of each, `index.json`, `ca.crl`. */
export class Authority {
  readonly directory: string
  readonly now: () => Date

  constructor(directory: string, now: () => Date = () => new Date()) {
    this.directory = directory
    this.now = now
  }

  /** Issues a leaf with a new key and writes it. Throws a Fault, and then no file is left. */
  async issue(name: string, options: LeafOptions = {}): Promise<Issued> {
    const named = subject(name, (await readRegister(this.directory)).trustDomain)
    if (named.powerful && options.powerful !== true) throw needsPowerful(named)
    const { dns = [], ips = [], out = this.directory } = options
    const names = leafNames(named.uri, dns, ips)
    const keys = await makeKeys(options.key)
    return locked(this.directory, async () => {
      const state = await this.read()
      const now = this.now()
      const parent = options.under ?? state.signing
      const validForMs = options.validForMs ?? LEAF_VALID_MS
      mustOutlive(parent, now, validForMs)
      const { publicKey } = keys
      const der = makeLeaf(parent, { commonName: named.name, names, publicKey, now, validForMs })
      const certificate = new X509Certificate(der)
      const dir = join(out, ...named.title.split('/'))
      const replaced = await exists(join(dir, 'tls.crt'))
      const certPem = chainPem(der, parent)
      const key = keyPem(keys)
      const files = [
        { name: 'tls.key', content: key, mode: LEAF_KEY_MODE },
        { name: 'tls.crt', content: certPem, mode: PUBLIC_MODE },
        ...trustFiles(state),
      ]
      const entry = this.#entry(named, certificate, state, dir)
      const register = { ...state.register, issued: [...state.register.issued, entry] }
      const staged = await stage(dir, files)
      await this.#record(register, [], staged)
      const written = files.map((file) => file.name)
      return {
        subject: named,
        dir,
        certPem,
        keyPem: key,
        certificate,
        dns,
        ips,
        replaced,
        files: written,
      }
    })
  }

  /** What the CA's directory holds now. Throws a Fault that names the file at fault. */
  async read(): Promise<State> {
    const register = await readRegister(this.directory)
    const bundlePem = await this.#text('ca.crt')
    const certificates = blocks('CERTIFICATE', bundlePem).map((der) => new X509Certificate(der))
    const signing = register.roots.find(({ state }) => state === 'signing')
    const root = certificates.find((certificate) => shortId(certificate) === signing?.id)
    if (signing === undefined || root === undefined) {
      throw fault('the root that signs is not there', {
        where: { file: join(this.directory, 'ca.crt') },
      })
    }
    const key = createPrivateKey(await this.#text(signing.key))
    const crlPem = (await exists(join(this.directory, 'ca.crl')))
      ? await this.#text('ca.crl')
      : null
    return { register, signing: { ...issuer(root.raw, key), chain: [] }, bundlePem, crlPem }
  }

  /** Index first: no certificate may be in use that the CA does not know and cannot revoke. */
  async #record(register: Register, files: readonly NewFile[], others: Staged): Promise<void> {
    try {
      const own = [...files, registerFile(register, this.now())]
      await (await stage(this.directory, own)).commit()
      await others.commit()
    } catch (error) {
      await others.abandon()
      throw error
    }
  }

  #entry(named: Subject, certificate: X509Certificate, state: State, dir: string): Entry {
    return {
      serial: certificate.serialNumber.toLowerCase(),
      name: named.title,
      uri: named.uri,
      root: shortId(state.signing.certificate),
      notBefore: certificate.validFromDate.toISOString(),
      notAfter: certificate.validToDate.toISOString(),
      fingerprint: fingerprint(certificate),
      directory: relative(this.directory, dir),
    }
  }

  async #text(name: string): Promise<string> {
    const path = join(this.directory, name)
    return readFile(path, 'utf8').catch((error) => {
      throw fault(`cannot read ${path} (${errorCode(error) ?? String(error)})`)
    })
  }
}

/** What stands in a CA's directory. */
export interface State {
  readonly register: Register
  readonly signing: Issuer
  readonly bundlePem: string
  readonly crlPem: string | null
}

/** Makes a CA. Throws a Fault, touching nothing, where one is already there. */
export async function createAuthority(
  directory: string,
  options: AuthorityOptions,
): Promise<Authority> {
  const domain = trustDomain(options.trustDomain)
  const now = options.now ?? (() => new Date())
  for (const name of ['index.json', 'ca.key', 'ca.crt']) {
    if (await exists(join(directory, name))) throw alreadyThere(directory, name)
  }
  const date = now()
  const root = await makeRoot({
    commonName: `${domain} development CA ${date.toISOString().slice(0, 19)}Z`,
    organization: domain,
    now: date,
    validForMs: options.validForMs ?? ROOT_VALID_MS,
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.pathLength === undefined ? {} : { pathLength: options.pathLength }),
  })
  const id = shortId(root.certificate)
  const register: Register = {
    format: 1,
    trustDomain: domain,
    roots: [{ id, key: 'ca.key', state: 'signing' }],
    crlNumber: 0,
    issued: [],
  }
  const key = String(root.key.export({ type: 'pkcs8', format: 'pem' }))
  const staged = await stageAll([
    {
      directory,
      files: [
        // Whatever the place: keys made for development are never committed.
        { name: '.gitignore', content: '*\n', mode: PUBLIC_MODE },
        { name: 'ca.key', content: key, mode: CA_KEY_MODE },
        { name: 'ca.crt', content: pem('CERTIFICATE', root.certificate.raw), mode: PUBLIC_MODE },
        registerFile(register, date),
      ],
    },
  ])
  await staged.commit()
  return new Authority(directory, now)
}

/** The CA in a directory. Throws a Fault with the command that makes one where there is none. */
export async function openAuthority(directory: string, now?: () => Date): Promise<Authority> {
  const authority = new Authority(directory, now)
  await authority.read()
  return authority
}

/** SHA-256 of the whole certificate, lower-case hex without colons. */
export function fingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

function trustFiles({ bundlePem, crlPem }: State): readonly NewFile[] {
  const bundle = { name: 'ca.crt', content: bundlePem, mode: PUBLIC_MODE }
  return crlPem === null
    ? [bundle]
    : [bundle, { name: 'ca.crl', content: crlPem, mode: PUBLIC_MODE }]
}

function mustOutlive(parent: Issuer, now: Date, validForMs: number): void {
  const end = parent.certificate.validToDate
  if (now.getTime() + validForMs <= end.getTime()) return
  throw fault(`the CA itself ends ${end.toISOString()}, before this certificate would`, {
    hint: 'use a shorter --valid-for, or a new CA',
  })
}

function needsPowerful({ title, kind }: Subject) {
  const who =
    kind === 'module'
      ? 'Okapi, whom every module obeys'
      : kind === 'operator'
        ? 'an operator'
        : 'an outside system'
  return fault(`\`${title}\` would speak as ${who}`, {
    hint: 'if that is meant, repeat the command with --powerful',
  })
}

function alreadyThere(directory: string, name: string) {
  return fault(`${join(directory, name)} is already there`, {
    hint: `issue from it (okapi-sidecar certs issue mod-users-19.7.0 --dir ${directory}), or choose another --dir`,
  })
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
