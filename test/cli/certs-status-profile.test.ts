import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import test from 'ava'
import {
  authorityExtensions,
  type Issuer,
  issuer,
  keyPem,
  leafExtensions,
  makeRoot,
} from '../../src/pki/issuer.ts'
import { makeCertificate } from '../../src/x509/certificate.ts'
import { implicit, sequence, tagged } from '../../src/x509/der-write.ts'
import {
  basicConstraints,
  EXTENSION,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
} from '../../src/x509/extensions.ts'
import type { AlternativeName } from '../../src/x509/general-name.ts'
import { toPem } from '../../src/x509/pem.ts'
import { certs, place } from '../pki/tools.ts'

const DAY_MS = 24 * 3600_000
const URI = 'spiffe://folio.test/module/mod-a-1.0.0'
const NAMES: readonly AlternativeName[] = [{ kind: 'uri', value: URI }]
const life = { now: new Date(), validForMs: 2 * DAY_MS }
let root: Issuer
test.before(async () => {
  root = await makeRoot({ ...life, commonName: 'root', organization: 'folio.test' })
})

interface Kind {
  /** Takes the place of the ordinary extension with the same OID, or comes on top. */
  readonly put?: readonly Extension[]
  readonly without?: string
  readonly names?: readonly AlternativeName[]
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  readonly under?: Issuer
  readonly spec?: Partial<Parameters<typeof makeCertificate>[0]>
}

function ec(namedCurve = 'P-256') {
  return generateKeyPairSync('ec', { namedCurve })
}

/** A root that only allows names below other.example (RFC 5280 4.2.1.10). */
function constrainedRoot(): Issuer {
  const { publicKey, privateKey } = ec()
  const subtree = sequence(implicit(6, Buffer.from('other.example')))
  const permitted = sequence(tagged(0, subtree))
  const name = { commonName: 'constrained root' }
  const der = makeCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signWith: privateKey,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 2 * DAY_MS),
    extensions: [
      ...authorityExtensions(publicKey, publicKey, 1),
      { oid: EXTENSION.nameConstraints, critical: true, value: permitted },
    ],
  })
  return { ...issuer(der, privateKey), chain: [] }
}

async function credentials(directory: string, kind: Kind): Promise<void> {
  const { keys = ec(), under = root, names = NAMES, put = [], without } = kind
  const ordinary = leafExtensions(keys.publicKey, under.keyId, names).filter(({ oid }) => {
    return oid !== without && !put.some((other) => other.oid === oid)
  })
  const der = makeCertificate({
    subject: { commonName: 'mod-a' },
    issuer: under.name,
    publicKey: keys.publicKey,
    signWith: under.key,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + DAY_MS),
    extensions: [...ordinary, ...put],
    ...kind.spec,
  })
  await mkdir(directory, { mode: 0o700 })
  const write = (name: string, text: string) => {
    return writeFile(join(directory, name), text, { mode: 0o600 })
  }
  await write('tls.crt', toPem('CERTIFICATE', der))
  await write('tls.key', keyPem(keys))
  await write('ca.crt', toPem('CERTIFICATE', under.certificate.raw))
}

const second: AlternativeName = { kind: 'uri', value: 'spiffe://folio.test/module/mod-b-1.0.0' }

/** Leaves that every peer refuses, and what the profile says against each. */
const REFUSED: Readonly<Record<string, readonly [kind: Kind, problem: RegExp]>> = {
  'no-purpose': [{ without: EXTENSION.extKeyUsage }, /has no extKeyUsage/],
  'wrong-purpose': [{ put: [extendedKeyUsage(['codeSigning'])] }, /is not for serverAuth/],
  'any-purpose': [{ put: [extendedKeyUsage(['any'])] }, /is not for serverAuth/],
  'server-only': [{ put: [extendedKeyUsage(['serverAuth'])] }, /is not for clientAuth/],
  'two-uris': [{ names: [...NAMES, second] }, /has 2 URI SANs, it must be one/],
  'no-uri': [{ names: [{ kind: 'dns', value: 'mod-a' }] }, /has no URI SAN/],
  'no-spiffe-id': [{ names: [{ kind: 'uri', value: 'https://mod-a' }] }, /is not an identity/],
  wildcard: [{ names: [...NAMES, { kind: 'dns', value: '*.folio.test' }] }, /wildcard/],
  authority: [{ put: [basicConstraints({ ca: true })] }, /is that of a CA/],
  'no-key-usage': [{ without: EXTENSION.keyUsage }, /has no keyUsage/],
  encipherment: [{ put: [keyUsage(['keyEncipherment'])] }, /not for digitalSignature/],
  'signs-certificates': [
    { put: [keyUsage(['digitalSignature', 'keyCertSign'])] },
    /may sign certificates/,
  ],
  'critical-unknown': [
    { put: [{ oid: '1.2.3.4', critical: true, value: Buffer.from('0500', 'hex') }] },
    /critical extension that is not understood/,
  ],
  'constraints-on-leaf': [
    { put: [{ oid: EXTENSION.nameConstraints, critical: false, value: sequence() }] },
    /nameConstraints without being a CA/,
  ],
  'weak-rsa': [{ keys: generateKeyPairSync('rsa', { modulusLength: 1024 }) }, /RSA key of 1024/],
  'weak-curve': [{ keys: ec('secp224r1') }, /key on the curve/],
  'other-curve': [{ keys: ec('secp256k1') }, /key on the curve/],
  'weak-digest': [{ spec: { digest: 'sha1' } }, /algorithm that is not accepted/],
  'version-1': [{ spec: { version: 1 } }, /is of version 1, not 3/],
  'serial-negative': [
    { spec: { serial: Buffer.of(0x81, 1) } },
    /serial number that is not positive/,
  ],
  'serial-long': [{ spec: { serial: Buffer.alloc(21, 1) } }, /more than 20 octets/],
  'critical-twice': [
    {
      put: [
        { oid: '1.2.3.5', critical: false, value: sequence() },
        { oid: '1.2.3.5', critical: false, value: sequence() },
      ],
    },
    /no peer can read it: extension 1\.2\.3\.5 twice/,
  ],
  'name-constraints': [{ under: constrainedRoot() }, /permitted subtree violation/],
}

const ACCEPTED: Readonly<Record<string, Kind>> = {
  ordinary: {},
  ed25519: { keys: generateKeyPairSync('ed25519') },
  'foreign-scheme': { names: [{ kind: 'uri', value: 'spiffe://other.test/ns/a/sa/b' }] },
  'also-dns': { names: [...NAMES, { kind: 'dns', value: 'mod-a' }] },
  'critical-names': { put: [subjectAltName(NAMES, true)] },
}

test('certs status refuses every leaf that a peer would refuse, and no other', async (t) => {
  const top = await place(t)
  for (const [name, [kind]] of Object.entries(REFUSED)) await credentials(join(top, name), kind)
  for (const [name, kind] of Object.entries(ACCEPTED)) await credentials(join(top, name), kind)
  const { code, stdout } = await certs('status', top, '--json')
  t.is(code, 1)
  const said = new Map<string, readonly string[]>(
    JSON.parse(stdout).certificates.map((one: { place: string; problems: string[] }) => {
      return [one.place.split('/').at(-1), one.problems]
    }),
  )
  for (const [name, [, problem]] of Object.entries(REFUSED)) {
    t.regex((said.get(name) ?? []).join('\n'), problem, name)
  }
  for (const name of Object.keys(ACCEPTED)) t.deepEqual(said.get(name), [], name)
  t.is(said.size, Object.keys({ ...REFUSED, ...ACCEPTED }).length)
})

test('certs status HOST:PORT refuses the certificate of a peer that OpenSSL would refuse', async (t) => {
  const top = await place(t)
  const under = constrainedRoot()
  await credentials(join(top, 'peer'), { under })
  const read = (name: string) => readFile(join(top, 'peer', name))
  const pair = { key: await read('tls.key'), cert: await read('tls.crt') }
  const server = createServer(pair, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { code, stdout } = await certs(
    ...['status', `127.0.0.1:${port}`, '--credentials', join(top, 'peer'), '--json'],
  )
  t.is(code, 1)
  t.deepEqual(JSON.parse(stdout).problems, ['OpenSSL refuses it: permitted subtree violation'])
})
