import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import test from 'ava'
import { makeLeaf, makeRoot } from '../../src/pki/issuer.ts'
import { type KeyKind, makeKeys } from '../../src/pki/keys.ts'
import { leafNames } from '../../src/pki/naming.ts'
import { keyStore, trustStore } from '../../src/pki/pkcs12.ts'
import { makeIntermediate } from '../support/intermediate.ts'
import { hasKeytool, keytool, openssl, place } from './tools.ts'

const PASSWORD = 'changeit "with" $igns'
const now = new Date()

async function stores(dir: string, kind: KeyKind) {
  const life = { now, validForMs: 24 * 3600_000 }
  const root = await makeRoot({ ...life, commonName: 'root', organization: 'x' })
  const second = await makeRoot({ ...life, commonName: 'second', organization: 'x' })
  const middle = await makeIntermediate(root, { ...life, commonName: 'middle' })
  const { publicKey, privateKey } = await makeKeys(kind)
  const names = leafNames('spiffe://folio.test/operator/anna', [], [])
  const leaf = new X509Certificate(
    makeLeaf(middle, { ...life, commonName: 'anna', names, publicKey }),
  )
  const key = join(dir, 'keystore.p12')
  const trust = join(dir, 'truststore.p12')
  const chain = [leaf, middle.certificate]
  await writeFile(key, keyStore('operator/anna', privateKey, chain, PASSWORD))
  const roots = [root, second].map(({ certificate }, i) => ({ alias: `root-${i}`, certificate }))
  await writeFile(trust, trustStore(roots, PASSWORD))
  return { key, trust, leaf, privateKey }
}

test('openssl and Node read the key store, and only with its password', async (t) => {
  const dir = await place(t)
  for (const kind of ['p256', 'p384', 'rsa2048'] as const) {
    const { key, leaf, privateKey } = await stores(dir, kind)
    const read = await openssl('pkcs12', '-in', key, '-nodes', '-passin', `pass:${PASSWORD}`)
    t.is(read.code, 0, read.stderr)
    t.true(createPrivateKey(read.stdout).equals(privateKey))
    t.true(read.stdout.includes(leaf.toString()))
    t.is(read.stdout.split('BEGIN CERTIFICATE').length - 1, 2)
    const wrong = await openssl('pkcs12', '-in', key, '-nodes', '-passin', 'pass:changeit')
    t.not(wrong.code, 0)
    const pfx = await readFile(key)
    t.notThrows(() => createSecureContext({ pfx, passphrase: PASSWORD }))
    t.throws(() => createSecureContext({ pfx, passphrase: 'wrong' }))
    t.false(pfx.includes(privateKey.export({ type: 'pkcs8', format: 'der' })))
  }
})

test('keytool sees a private key with its chain, and trusted roots', async (t) => {
  if (!(await hasKeytool(t.log))) {
    t.pass()
    return
  }
  const dir = await place(t)
  for (const kind of ['p256', 'rsa2048'] as const) {
    const { key, trust } = await stores(dir, kind)
    const list = (file: string, password: string) =>
      keytool('-list', '-v', '-keystore', file, '-storepass', password)
    const keys = await list(key, PASSWORD)
    t.is(keys.code, 0, keys.stdout)
    t.regex(
      keys.stdout,
      /Alias name: operator\/anna\n[\s\S]*PrivateKeyEntry\nCertificate chain length: 2/,
    )
    const roots = await list(trust, PASSWORD)
    t.is(roots.stdout.split('trustedCertEntry').length - 1, 2)
    t.regex((await list(key, 'changeit')).stdout, /Integrity check failed/)
    // Java really decrypts the key, rather than only counting the entries.
    const to = ['-destkeystore', join(dir, `${kind}.jks`), '-deststorepass', 'changeit']
    const from = ['-srckeystore', key, '-srcstorepass', PASSWORD]
    const copied = await keytool('-importkeystore', '-noprompt', ...from, ...to)
    t.is(copied.code, 0, copied.stderr + copied.stdout)
  }
})
