import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, PLACE } from '../pod/podman.ts'

/** The cluster's own certificates, by openssl; none of the product's. */
const PKI = join(PLACE, 'cluster-pki')

async function newKey(name: string): Promise<void> {
  const key = join(PKI, `${name}.key`)
  await must('openssl', 'ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', key)
}

/** The paths of a certificate and of its key. */
export function pairOf(name: string): { crt: string; key: string } {
  return { crt: join(PKI, `${name}.crt`), key: join(PKI, `${name}.key`) }
}

/** The authority of API server, kubelets and all that speak to them, and the key of account tokens. */
export async function foundAuthority(): Promise<void> {
  mkdirSync(PKI, { recursive: true })
  await newKey('ca')
  const { crt, key } = pairOf('ca')
  await must(
    ...['openssl', 'req', '-x509', '-new', '-key', key],
    '-subj',
    '/CN=test',
    '-days',
    '2',
    '-out',
    crt,
  )
  await must('openssl', 'genrsa', '-out', pairOf('accounts').key, '2048')
}

/** A certificate for a server, a client or both; the subject says who a client is. */
export async function issuePair(name: string, subject: string, names = ''): Promise<void> {
  await newKey(name)
  const { crt, key } = pairOf(name)
  const ca = pairOf('ca')
  const [request, extensions] = [join(PKI, `${name}.csr`), join(PKI, `${name}.ext`)]
  const san = names === '' ? '' : `subjectAltName=${names}\n`
  writeFileSync(extensions, `extendedKeyUsage=serverAuth,clientAuth\n${san}`)
  await must('openssl', 'req', '-new', '-key', key, '-subj', subject, '-out', request)
  const by = ['-CA', ca.crt, '-CAkey', ca.key, '-CAcreateserial', '-days', '2']
  await must('openssl', 'x509', '-req', '-in', request, ...by, '-extfile', extensions, '-out', crt)
}

/** A file by which a client with such a pair finds the API server; JSON is YAML too. */
export function writeKubeconfig(name: string, server: string): string {
  const { crt, key } = pairOf(name)
  const ca = pairOf('ca').crt
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name, user: { 'client-certificate': crt, 'client-key': key } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  }
  const file = join(PKI, `${name}.kubeconfig`)
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  return file
}
