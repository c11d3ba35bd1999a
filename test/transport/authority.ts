import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Material } from '../../src/transport/tls-options.ts'
import { tempFolder } from './temp.ts'

/** What a leaf should be like; by default a fresh P-256 one that is good for both roles. */
export interface LeafWish {
  readonly uri?: string
  /** An RSA key of this many bits instead. */
  readonly rsaBits?: number
  readonly extensions?: readonly string[]
  /** openssl dates, `YYYYMMDDHHMMSSZ`. */
  readonly from?: string
  readonly until?: string
}

/** A certificate with its key and the chain that is sent. */
export interface Issued {
  readonly name: string
  readonly key: string
  readonly cert: string
}

interface Pair {
  readonly privateKey: string
  readonly publicKey: string
}

// By Node, not by `openssl genpkey`: each run of that is a process.
function makeKey(rsaBits?: number): Pair {
  const { privateKey, publicKey } =
    rsaBits === undefined
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: rsaBits })
  return {
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
  }
}

/** A small CA made by openssl in a folder of its own, gone when the process ends. */
export class Authority {
  readonly name: string
  readonly cert: string
  readonly #folder = tempFolder()
  /** What leaves send along: this authority and those above it, without the root. */
  readonly #chain: string
  #revoked: string[] = []

  constructor(name: string, above?: Authority) {
    this.name = name
    const pair = makeKey()
    writeFileSync(this.#path('ca.key'), pair.privateKey)
    const extensions = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
    ]
    this.cert =
      above === undefined ? this.#signSelf(extensions) : above.#sign(name, pair, extensions)
    this.#chain = above === undefined ? '' : this.cert + above.#chain
    writeFileSync(this.#path('ca.pem'), this.cert)
  }

  /** A CA below this one, whose certificate its leaves send along. */
  intermediate(name: string): Authority {
    return new Authority(name, this)
  }

  issue(name: string, wish: LeafWish = {}): Issued {
    const pair = makeKey(wish.rsaBits)
    const extensions = wish.extensions ?? [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=serverAuth,clientAuth',
      `subjectAltName=URI:${wish.uri ?? `spiffe://folio.test/module/${name}`},DNS:localhost`,
    ]
    const { from, until } = wish
    const leaf =
      from === undefined || until === undefined
        ? this.#sign(name, pair, extensions)
        : this.#signDated(name, pair, extensions, { from, until })
    return { name, key: pair.privateKey, cert: leaf + this.#chain }
  }

  /** The list of this authority, with these on it. */
  crl(...revoked: readonly Issued[]): string {
    const config = [
      '[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256',
      'default_crl_days=2\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid',
    ].join('\n')
    this.#revoked.push(...revoked.map(({ cert }) => this.#indexLine(cert)))
    writeFileSync(this.#path('ca.cnf'), config)
    writeFileSync(this.#path('index.txt'), this.#revoked.join(''))
    writeFileSync(this.#path('crlnumber'), '01\n')
    const keys = ['-keyfile', 'ca.key', '-cert', 'ca.pem']
    this.#run('ca', '-config', 'ca.cnf', '-gencrl', ...keys, '-out', 'ca.crl')
    return readFileSync(this.#path('ca.crl'), 'utf8')
  }

  #indexLine(cert: string): string {
    const hex = new X509Certificate(cert).serialNumber
    return `R\t491231235959Z\t260101000000Z\t${hex}\tunknown\t/CN=revoked\n`
  }

  #signSelf(extensions: readonly string[]): string {
    return this.#new(this.name, extensions, ['-key', 'ca.key'])
  }

  #sign(name: string, { publicKey }: Pair, extensions: readonly string[]): string {
    writeFileSync(this.#path('public.pem'), publicKey)
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    return this.#new(name, extensions, ['-force_pubkey', 'public.pem', ...signer])
  }

  #new(name: string, extensions: readonly string[], signer: readonly string[]): string {
    writeFileSync(this.#path('extensions'), extensions.join('\n'))
    const out = ['-days', '20', '-extfile', 'extensions', '-out', 'signed.pem']
    this.#run('x509', '-new', '-subj', `/CN=${name}`, ...signer, ...out)
    return readFileSync(this.#path('signed.pem'), 'utf8')
  }

  // `x509` of OpenSSL 3.0 knows no dates; `ca` does.
  #signDated(
    name: string,
    { privateKey }: Pair,
    extensions: readonly string[],
    { from, until }: { from: string; until: string },
  ): string {
    writeFileSync(this.#path('dated.key'), privateKey)
    writeFileSync(this.#path('extensions'), extensions.join('\n'))
    this.#run('req', '-new', '-key', 'dated.key', '-subj', `/CN=${name}`, '-out', 'dated.csr')
    const config = [
      '[ca]\ndefault_ca=a\n[a]\ndatabase=dated.txt\nserial=dated.serial\nnew_certs_dir=.',
      'default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied',
    ].join('\n')
    writeFileSync(this.#path('dated.cnf'), config)
    writeFileSync(this.#path('dated.txt'), '')
    writeFileSync(this.#path('dated.serial'), '77\n')
    const keys = ['-keyfile', 'ca.key', '-cert', 'ca.pem', '-extfile', 'extensions']
    const dates = ['-startdate', from, '-enddate', until, '-notext', '-batch']
    this.#run(
      'ca',
      '-config',
      'dated.cnf',
      '-in',
      'dated.csr',
      ...keys,
      ...dates,
      '-out',
      'signed.pem',
    )
    return readFileSync(this.#path('signed.pem'), 'utf8')
  }

  #path(file: string): string {
    return join(this.#folder, file)
  }

  #run(...args: readonly string[]): string {
    return execFileSync('openssl', args, { cwd: this.#folder, encoding: 'utf8', stdio: 'pipe' })
  }
}

/** What a sidecar has mounted: its own key and chain, the roots, their lists. */
export function materialOf(
  { key, cert }: Issued,
  roots: readonly Authority[],
  crl: readonly string[] = [],
): Material {
  return { key, cert, ca: roots.map((root) => root.cert), crl }
}
