import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  PublicCertificate,
  type PublicReport,
  readPublicCertificate,
} from '../../src/credentials/public-certificate.ts'
import { Fault, type Problem, sentence } from '../../src/fault.ts'
import { handshakeForPublic } from '../../src/transport/handshake-check.ts'
import { patiently } from '../support/patience.ts'
import { type CertificateOptions, type Issued, makeCa, makePair } from '../support/pki.ts'

const DAY_MS = 86_400_000
const names: CertificateOptions = { cn: 'folio.test', dns: ['folio.test'], eku: ['serverAuth'] }

async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'okapi-sidecar-public-'))
}

async function leaf(options: CertificateOptions = {}): Promise<Issued> {
  return (await makeCa(undefined, 'public root')).issue({ ...names, ...options })
}

async function put(directory: string, { chainPem, keyPem }: Pick<Issued, 'chainPem' | 'keyPem'>) {
  for (const [name, text, mode] of [
    ['tls.key', keyPem, 0o600],
    ['tls.crt', chainPem, 0o644],
  ] as const) {
    await writeFile(join(directory, `${name}.new`), text, { mode })
    await chmod(join(directory, `${name}.new`), mode)
    await rename(join(directory, `${name}.new`), join(directory, name))
  }
}

const told = (problem: Problem) => `${sentence(problem)} | ${problem.hint ?? ''}`

async function problemsOf(directory: string): Promise<string> {
  try {
    await readPublicCertificate({ directory, handshake: handshakeForPublic }, Date.now())
    return ''
  } catch (error) {
    if (error instanceof Fault) return error.problems.map(told).join('\n')
    throw error
  }
}

for (const key of ['p256', 'p384', 'rsa2048'] as const) {
  test(`taken: a key of ${key}, and one with an intermediate`, async (t) => {
    const directory = await folder()
    await put(directory, await leaf({ key }))
    t.is(await problemsOf(directory), '')
    const between = await (await makeCa(undefined, 'public root')).intermediate()
    await put(directory, await between.issue({ ...names, key }))
    t.is(await problemsOf(directory), '')
  })
}

const other = makePair('p256')
const BROKEN: Readonly<
  Record<string, readonly [(good: Issued) => Promise<object> | object, RegExp]>
> = {
  'a key of another pair': [
    () => ({ keyPem: other.privateKey.export({ type: 'pkcs8', format: 'pem' }) }),
    /tls\.key: does not belong to tls\.crt/,
  ],
  'a key that OpenSSL takes for too small': [
    async () => leaf({ key: 'rsa1024' }),
    /tls\.crt: a trial handshake fails in TLSv1\.3: .*key too small/,
  ],
  'a signature of SHA-1': [
    async () => leaf({ digest: 'sha1' }),
    /tls\.crt: a trial handshake fails in TLSv1\.3: .*(?:md too weak|too weak)/,
  ],
  'an intermediate that is broken': [
    ({ chainPem }) => ({
      chainPem: `${chainPem}${chainPem.slice(0, 200)}\n-----END CERTIFICATE-----\n`,
    }),
    /tls\.crt: a trial handshake fails/,
  ],
  'of tomorrow': [
    async () => leaf({ notBefore: new Date(Date.now() + DAY_MS) }),
    /tls\.crt: is not valid before 20/,
  ],
  'of yesterday': [
    async () => leaf({ notAfter: new Date(Date.now() - DAY_MS) }),
    /tls\.crt: expired on 20/,
  ],
  'a key with a passphrase': [
    () => ({
      keyPem: other.privateKey.export({
        ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
      }),
    }),
    /tls\.key: there is no private key in it that can be read: .*ENCRYPTED/,
  ],
  'a certificate in DER': [
    ({ certDer }) => ({ chainPem: certDer }),
    /tls\.crt: there is no certificate in it .*: line 1 .*this is DER, not PEM \| openssl x509 /,
  ],
  'an empty certificate': [() => ({ chainPem: '' }), /tls\.crt: .*: the file is empty/],
  'the intermediate first': [
    async () => {
      const between = await (await makeCa(undefined, 'public root')).intermediate()
      const one = await between.issue(names)
      return { ...one, chainPem: between.certPem + one.certPem }
    },
    /does not belong to tls\.crt \| the certificate of this key must come first/,
  ],
  'a key of another pair, and an intermediate that is broken': [
    ({ chainPem }) => ({
      keyPem: other.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      chainPem: `${chainPem}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`,
    }),
    /does not belong to tls\.crt \| key and certificate are of different pairs/,
  ],
  'DER in place of PEM': [
    ({ pair }) => ({ keyPem: pair.privateKey.export({ type: 'pkcs8', format: 'der' }) }),
    /tls\.key: there is no private key in it that can be read: .*this is DER/,
  ],
}
for (const [name, [make, says]] of Object.entries(BROKEN)) {
  test(`refused: ${name}`, async (t) => {
    const directory = await folder()
    const good = await leaf()
    await put(directory, { ...good, ...(await make(good)) })
    t.regex(await problemsOf(directory), says)
  })
}

test('files and folders that others may write are refused on every reading', async (t) => {
  const directory = await folder()
  await put(directory, await leaf())
  for (const [path, open, shut] of [
    [join(directory, 'tls.key'), 0o620, 0o600],
    [join(directory, 'tls.crt'), 0o666, 0o644],
    [directory, 0o777, 0o700],
    [directory, 0o2770, 0o700],
  ] as const) {
    await chmod(path, open)
    t.regex(await problemsOf(directory), /others may write/, path)
    await chmod(path, shut)
    t.is(await problemsOf(directory), '', path)
  }
})

test('a folder in the place of a file, and a missing file', async (t) => {
  const directory = await folder()
  t.regex(await problemsOf(directory), /tls\.key: cannot be read.*\n.*tls\.crt: cannot be read/)
  await mkdir(join(directory, 'tls.key'))
  t.regex(await problemsOf(directory), /tls\.key: this is not a regular file/)
  await rm(directory, { recursive: true })
  t.regex(await problemsOf(directory), /there is no directory/)
})

test('the last good one stays; each reason, and the recovery, is reported once', async (t) => {
  const directory = await folder()
  const first = await leaf()
  await put(directory, first)
  const live = await PublicCertificate.start({ directory, handshake: handshakeForPublic })
  t.teardown(() => live.stop())
  const reports: PublicReport[] = []
  const shown: string[] = []
  let wake = () => {}
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const told = async (count: number) => {
    while (reports.length < count) {
      const news = new Promise<void>((resolve) => (wake = resolve))
      await patiently(news, () => `${reports.length} of ${count} reports`)
    }
    return reports[count - 1]!
  }
  live.watch(
    ({ cert }) => shown.push(cert),
    (report) => {
      reports.push(report)
      wake()
    },
  )
  await put(directory, { ...first, keyPem: 'x' })
  t.is((await told(1)).result, 'failed')
  t.is(live.current.cert, first.chainPem)
  await put(directory, first)
  t.is((await told(2)).result, 'ok')
  t.deepEqual(shown, [])
  const weak = await leaf({ key: 'rsa1024' })
  await put(directory, weak)
  while ((await told(reports.length)).problems.every((one) => !/handshake/.test(one.message))) {
    await told(reports.length + 1)
  }
  t.is(live.current.cert, first.chainPem)
  const next = await leaf()
  await put(directory, next)
  while ((await told(reports.length)).result !== 'ok') await told(reports.length + 1)
  t.is(live.current.cert, next.chainPem)
  t.deepEqual(shown, [next.chainPem])
})
