import { execFileSync } from 'node:child_process'
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

const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']

/** A certificate with its key and the chain that is sent. */
export interface Issued {
  readonly name: string
  readonly key: string
  readonly cert: string
}

/** A small CA made by openssl in a folder of its own, gone when the process ends. */
export class Authority {
  readonly name: string
  readonly cert: string
  readonly #folder = tempFolder()
  /** What leaves send along: this authority and those above it, without the root. */
  readonly #chain: string
  #count = 0
  #revoked: string[] = []

  constructor(name: string, above?: Authority) {
    this.name = name
    const issuer = above ?? this
    this.#run('genpkey', ...P256, '-out', 'ca.key')
    this.#run('req', '-new', '-key', 'ca.key', '-subj', `/CN=${name}`, '-out', 'ca.csr')
    const extensions = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
    ]
    this.cert = issuer.#sign(this.#path('ca.csr'), extensions, { selfKey: above === undefined })
    this.#chain = above === undefined ? '' : this.cert + above.#chain
    writeFileSync(this.#path('ca.pem'), this.cert)
  }

  /** A CA below this one, whose certificate its leaves send along. */
  intermediate(name: string): Authority {
    return new Authority(name, this)
  }

  issue(name: string, wish: LeafWish = {}): Issued {
    const stem = `leaf${this.#count++}`
    const rsa = ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${wish.rsaBits}`]
    const kind = wish.rsaBits === undefined ? P256 : rsa
    this.#run('genpkey', ...kind, '-out', `${stem}.key`)
    this.#run('req', '-new', '-key', `${stem}.key`, '-subj', `/CN=${name}`, '-out', `${stem}.csr`)
    const extensions = wish.extensions ?? [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=serverAuth,clientAuth',
      `subjectAltName=URI:${wish.uri ?? `spiffe://folio.test/module/${name}`},DNS:localhost`,
    ]
    const leaf = this.#sign(this.#path(`${stem}.csr`), extensions, wish)
    return { name, key: readFileSync(this.#path(`${stem}.key`), 'utf8'), cert: leaf + this.#chain }
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
    writeFileSync(this.#path('revoked.pem'), cert)
    const serial = this.#run('x509', '-in', 'revoked.pem', '-noout', '-serial')
    const hex = serial.trim().replace('serial=', '')
    return `R\t491231235959Z\t260101000000Z\t${hex}\tunknown\t/CN=revoked\n`
  }

  #sign(
    csr: string,
    extensions: readonly string[],
    wish: { selfKey?: boolean; from?: string; until?: string },
  ): string {
    writeFileSync(this.#path('extensions'), extensions.join('\n'))
    const signer = wish.selfKey
      ? ['-signkey', 'ca.key']
      : ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    const { from, until } = wish
    if (from !== undefined && until !== undefined) return this.#signDated(csr, from, until)
    const out = ['-days', '20', '-extfile', 'extensions', '-out', 'signed.pem']
    this.#run('x509', '-req', '-in', csr, ...signer, ...out)
    return readFileSync(this.#path('signed.pem'), 'utf8')
  }

  // `x509 -req` of OpenSSL 3.0 knows no dates; `ca` does.
  #signDated(csr: string, from: string, until: string): string {
    const config = [
      '[ca]\ndefault_ca=a\n[a]\ndatabase=dated.txt\nserial=dated.serial\nnew_certs_dir=.',
      'default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied',
    ].join('\n')
    writeFileSync(this.#path('dated.cnf'), config)
    writeFileSync(this.#path('dated.txt'), '')
    writeFileSync(this.#path('dated.serial'), '77\n')
    const keys = ['-keyfile', 'ca.key', '-cert', 'ca.pem', '-extfile', 'extensions']
    const dates = ['-startdate', from, '-enddate', until, '-notext', '-batch']
    this.#run('ca', '-config', 'dated.cnf', '-in', csr, ...keys, ...dates, '-out', 'signed.pem')
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
