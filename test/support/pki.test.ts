import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { type KeyKind, makeCa, moduleNames } from './pki.ts'

const run = promisify(execFile)

// Certificates that the tests use as valid must be valid for another program too, or the tests would prove nothing.

for (const key of ['p256', 'p384', 'p521', 'ed25519', 'rsa2048'] as const satisfies KeyKind[]) {
  test(`openssl verify -x509_strict accepts root, intermediate, leaf and lists of ${key}`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-'))
    const at = (name: string) => join(directory, name)
    const root = await makeCa(directory, 'root1', { key })
    const issuing = await root.intermediate('issuing', { key })
    const leaf = await issuing.issue({ ...moduleNames('mod-users-19.7.0'), key })
    const revoked = await issuing.issue({ ...moduleNames('mod-users-19.7.0'), key })
    await writeFile(at('issuing.crt'), issuing.certPem)
    await writeFile(at('crl'), (await root.crl()) + (await issuing.crl([revoked])))
    await writeFile(at('leaf.crt'), leaf.certPem)
    await writeFile(at('revoked.crt'), revoked.certPem)
    const chain = [
      '-CAfile',
      at('root1.crt'),
      '-untrusted',
      at('issuing.crt'),
      '-CRLfile',
      at('crl'),
    ]
    const verify = ['verify', '-x509_strict', '-crl_check_all', ...chain]
    const { stdout } = await run('openssl', [...verify, at('leaf.crt')])
    t.regex(stdout, /leaf\.crt: OK/)
    await t.throwsAsync(run('openssl', [...verify, at('revoked.crt')]), { message: /revoked/ })
  })
}
