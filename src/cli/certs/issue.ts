import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openAuthority } from '../../pki/ca.ts'
import { keyKind, keyTitle } from '../../pki/keys.ts'
import { fingerprint, type Issued } from '../../pki/leaf.ts'
import { renew } from '../../pki/renewal.ts'
import { signRequest } from '../../pki/signing.ts'
import { duration, json, table, utcMinute } from '../terminal.ts'
import { durationMs, only } from './arguments.ts'

const EXAMPLE = 'issue mod-users-19.7.0 --dns mod-users --ip 127.0.0.1'

/** `certs issue NAME`: a leaf with a new key. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      dns: { type: 'string', multiple: true, default: [] },
      ip: { type: 'string', multiple: true, default: [] },
      'valid-for': { type: 'string', default: '24h' },
      key: { type: 'string', default: 'p256' },
      out: { type: 'string' },
      powerful: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const name = only(positionals, 'NAME', EXAMPLE)
  const validForMs = durationMs('valid-for', values['valid-for'])
  const key = keyKind(values.key)
  const authority = await openAuthority(values.dir)
  const issued = await authority.issue(name, {
    dns: values.dns,
    ips: values.ip,
    validForMs,
    key,
    powerful: values.powerful,
    ...(values.out === undefined ? {} : { out: values.out }),
  })
  tellIssued(issued, values.json)
  return 0
}

/** `certs sign CSR`: a leaf for a key that never leaves its owner. */
export async function runSign(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      name: { type: 'string' },
      'valid-for': { type: 'string', default: '24h' },
      out: { type: 'string' },
      powerful: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const file = only(positionals, 'CSR', 'sign mod-users.csr --name mod-users-19.7.0')
  const validForMs = durationMs('valid-for', values['valid-for'])
  const authority = await openAuthority(values.dir)
  const { out, powerful } = values
  const options = { validForMs, powerful, ...(out === undefined ? {} : { out }) }
  tellIssued(await signRequest(authority, file, values.name, options), values.json)
  return 0
}

/** `certs renew NAME|DIR`: the same names again, in the same directory. */
export async function runRenew(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      'valid-for': { type: 'string' },
      'keep-key': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const target = only(positionals, 'NAME or DIR', 'renew mod-users-19.7.0')
  const life = values['valid-for']
  const authority = await openAuthority(values.dir)
  const issued = await renew(authority, target, {
    keepKey: values['keep-key'],
    ...(life === undefined ? {} : { validForMs: durationMs('valid-for', life) }),
  })
  tellIssued(issued, values.json)
  return 0
}

/** Reports what was issued: the files, their names, and the expiry. */
export function tellIssued(issued: Issued, asJson: boolean): void {
  if (asJson) json(issuedSummary(issued))
  else process.stdout.write(prose(issued))
}

/** An issued certificate for scripts; nothing secret. */
export function issuedSummary(issued: Issued) {
  const { subject, dir, certificate, dns, ips, files } = issued
  return {
    name: subject.title,
    uri: subject.uri,
    directory: dir,
    files: files.map((name) => join(dir, name)),
    dns,
    ips,
    serial: certificate.serialNumber.toLowerCase(),
    key: keyTitle(certificate.publicKey),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    fingerprint: fingerprint(certificate),
    replaced: issued.replaced,
  }
}

const PURPOSES: Readonly<Record<string, string>> = {
  'tls.crt': 'the certificate',
  'tls.key': 'its key',
  'ca.crt': 'the roots that it trusts',
  'ca.crl': 'the revoked certificates',
}

function prose(issued: Issued): string {
  const { subject, dir, certificate, dns, ips, files, replaced } = issued
  const key = keyTitle(certificate.publicKey)
  const rows = files.map((name) => [
    join(dir, name),
    name === 'tls.key' ? `its key, ${key}` : (PURPOSES[name] ?? ''),
  ])
  const covers = [
    ['identity', subject.uri],
    ...(dns.length === 0 ? [] : [['found as', dns.join(', ')]]),
    ...(ips.length === 0 ? [] : [['at', ips.join(', ')]]),
  ]
  const until = certificate.validToDate
  const lines = [
    `A certificate for ${subject.title}${replaced ? ', replacing the previous one' : ''}\n\n`,
    table(rows, '    '),
    '\n',
    table(covers, '    '),
    `\nvalid until ${utcMinute(until)} (${duration(until.getTime() - Date.now())})\n`,
  ]
  return lines.join('')
}
