import { join } from 'node:path'
import { keyTitle } from '../../pki/keys.ts'
import { fingerprint, type Issued } from '../../pki/leaf.ts'
import { table } from '../terminal.ts'
import { duration, json, utcMinute } from './words.ts'

/** Says what was issued: the files, the names they cover, and when it ends. */
export function tellIssued(issued: Issued, asJson: boolean): void {
  if (asJson) json(issuedSummary(issued))
  else process.stdout.write(prose(issued))
}

/** What a script needs of an issued certificate; nothing secret. */
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
  const from = certificate.validFromDate.getTime()
  const until = certificate.validToDate
  const lines = [
    `A certificate for ${subject.title}${replaced ? ', replacing the previous one' : ''}\n\n`,
    table(rows, '    '),
    '\n',
    table(covers, '    '),
    `\nvalid until ${utcMinute(until)} (${duration(until.getTime() - from)})\n`,
  ]
  return lines.join('')
}
