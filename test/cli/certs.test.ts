import { chmod, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { certs, everything, execute, mode, place } from '../pki/tools.ts'

test('init and issue write what openssl accepts, with the modes and names they say', async (t) => {
  const dir = join(await place(t), 'certs-dev')
  const made = await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  t.is(made.code, 0, made.stderr)
  t.is(await mode(join(dir, 'ca.key')), '400')
  t.is(await mode(join(dir, 'ca.crt')), '644')
  t.is(await mode(dir), '700')
  t.is(await readFile(join(dir, '.gitignore'), 'utf8'), '*\n')

  const san = ['--dns', 'mod-users', '--dns', 'localhost', '--ip', '127.0.0.1', '--ip', '::1']
  const issued = await certs('issue', 'mod-users-19.7.0', '--dir', dir, ...san)
  t.is(issued.code, 0, issued.stderr)
  const leaf = join(dir, 'mod-users-19.7.0')
  t.deepEqual(await everything(leaf), ['ca.crt', 'tls.crt', 'tls.key'])
  t.is(await mode(join(leaf, 'tls.key')), '600')
  t.is(await mode(join(leaf, 'tls.crt')), '644')
  for (const said of [join(leaf, 'tls.crt'), join(leaf, 'tls.key'), join(leaf, 'ca.crt')]) {
    t.true(issued.stdout.includes(said), said)
  }
  t.regex(issued.stdout, /spiffe:\/\/folio\.test\/module\/mod-users-19\.7\.0/)
  t.regex(issued.stdout, /mod-users, localhost/)
  t.regex(issued.stdout, /valid until \d{4}-\d\d-\d\d \d\d:\d\d UTC \(24 hours\)/)

  for (const purpose of ['sslserver', 'sslclient']) {
    const verify = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', join(dir, 'ca.crt')]
    const { code, stderr } = await execute('openssl', [...verify, join(leaf, 'tls.crt')])
    t.is(code, 0, stderr)
  }
  const text = await execute('openssl', ['x509', '-noout', '-text', '-in', join(leaf, 'tls.crt')])
  t.regex(text.stdout, /Basic Constraints: critical\s+CA:FALSE/)
  t.regex(text.stdout, /Key Usage: critical\s+Digital Signature\n/)
  t.regex(text.stdout, /TLS Web Server Authentication, TLS Web Client Authentication/)
  t.regex(
    text.stdout,
    /URI:spiffe:\/\/folio\.test\/module\/mod-users-19\.7\.0, DNS:mod-users, DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1\n/,
  )
})

test('operators and clients get a folder of their own, and --json is one document', async (t) => {
  const dir = await place(t)
  await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  const { code, stdout } = await certs(
    ...['issue', 'operator/anna', '--powerful', '--dir', dir, '--key', 'rsa2048', '--json'],
  )
  t.is(code, 0)
  const said = JSON.parse(stdout)
  t.is(said.uri, 'spiffe://folio.test/operator/anna')
  t.is(said.key, 'RSA-2048')
  t.is(said.directory, join(dir, 'operator', 'anna'))
  t.deepEqual(await everything(said.directory), ['ca.crt', 'tls.crt', 'tls.key'])
})

test('--out puts the folder elsewhere', async (t) => {
  const dir = await place(t)
  await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  const out = join(dir, 'other')
  const { code } = await certs('issue', 'mod-notes-5.2.0', '--dir', dir, '--out', out)
  t.is(code, 0)
  t.deepEqual(await everything(join(out, 'mod-notes-5.2.0')), ['ca.crt', 'tls.crt', 'tls.key'])
})

test('a second init refuses, and the CA is the one before', async (t) => {
  const dir = await place(t)
  await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  const before = await readFile(join(dir, 'ca.crt'), 'utf8')
  const again = await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  t.is(again.code, 2)
  t.regex(again.stderr, /already there/)
  t.true(again.stderr.includes(`certs issue mod-users-19.7.0 --dir ${dir}`))
  t.is(await readFile(join(dir, 'ca.crt'), 'utf8'), before)
})

const WRONG_INIT: readonly (readonly [string, string[], RegExp])[] = [
  ['no trust domain', [], /--trust-domain is missing/],
  ['a trust domain in capitals', ['--trust-domain', 'Folio.test'], /not a trust domain/],
  ['a trust domain with a port', ['--trust-domain', 'folio:1'], /not a trust domain/],
  ['an unknown key', ['--trust-domain', 'folio.test', '--key', 'dsa'], /p256, p384, rsa2048/],
  ['no duration', ['--trust-domain', 'folio.test', '--valid-for', '0h'], /not a duration/],
  ['an unknown option', ['--trust-domain', 'folio.test', '--what'], /certs has no option --what/],
  ['a word too many', ['folio', '--trust-domain', 'folio.test'], /one argument too many/],
]

for (const [what, argv, message] of WRONG_INIT) {
  test(`init with ${what} ends with 2 and leaves nothing`, async (t) => {
    const dir = await place(t)
    const { code, stderr } = await certs('init', '--dir', join(dir, 'new'), ...argv)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
    t.deepEqual(await everything(dir), [])
  })
}

const WRONG_ISSUE: readonly (readonly [string, string[], RegExp])[] = [
  ['no name', [], /NAME is missing/],
  ['two names', ['mod-a-1.0.0', 'mod-b-1.0.0'], /one NAME at a time/],
  ['a product without version', ['mod-users'], /not a full module id/],
  ['a path', ['../mod-users-19.7.0'], /not a full module id/],
  ['a path as an operator', ['operator/../x', '--powerful'], /does not name one operator/],
  ['dots as an operator', ['operator/..', '--powerful'], /does not name one operator/],
  ['an unknown family', ['admin/anna', '--powerful'], /not a full module id/],
  ['Okapi without --powerful', ['okapi-7.2.0'], /--powerful/],
  ['an operator without --powerful', ['operator/anna'], /--powerful/],
  ['a client without --powerful', ['client/sms'], /--powerful/],
  ['a wildcard', ['mod-a-1.0.0', '--dns', '*.folio.test'], /not a DNS name/],
  ['an address as DNS name', ['mod-a-1.0.0', '--dns', '10.0.0.1'], /use --ip 10\.0\.0\.1/],
  ['a name as address', ['mod-a-1.0.0', '--ip', 'localhost'], /not an IP address/],
  ['longer than the CA', ['mod-a-1.0.0', '--valid-for', '91d'], /the CA certificate expires/],
  ['no duration', ['mod-a-1.0.0', '--valid-for', '24'], /not a duration/],
  ['an unknown key', ['mod-a-1.0.0', '--key', 'p224'], /unknown kind of key/],
]

for (const [what, argv, message] of WRONG_ISSUE) {
  test(`issue with ${what} ends with 2 and leaves nothing`, async (t) => {
    const dir = await place(t)
    await createAuthority(dir, { trustDomain: 'folio.test' })
    const before = await everything(dir)
    const index = await readFile(join(dir, 'index.json'), 'utf8')
    const { code, stderr } = await certs('issue', '--dir', dir, ...argv)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
    t.regex(stderr, /okapi-sidecar: hint: /)
    t.deepEqual(await everything(dir), before)
    t.is(await readFile(join(dir, 'index.json'), 'utf8'), index)
  })
}

test('renew and revoke of a product name the module that was meant', async (t) => {
  const dir = join(await place(t), 'ca')
  const ca = await createAuthority(dir, { trustDomain: 'folio.test' })
  for (const id of ['mod-users-19.7.0', 'mod-users-bl-8.1.0']) await ca.issue(id)
  for (const verb of ['renew', 'revoke']) {
    const meant = await certs(verb, 'mod-users-bl', '--dir', dir)
    t.regex(meant.stderr, /hint: did you mean `mod-users-bl-8\.1\.0`\?/)
    const ambiguous = await certs(verb, 'mod-user', '--dir', dir)
    t.is(ambiguous.code, 2)
  }
})

test('a wrong --dir: the CA that exists comes before a new one', async (t) => {
  const dir = await place(t)
  const { stderr } = await certs('renew', 'mod-a-1.0.0', '--dir', dir)
  t.regex(stderr, /hint: give the directory of the CA; only where there is none yet: okapi-/)
})

test('issue without a CA says how to make one', async (t) => {
  const dir = await place(t)
  const { code, stderr } = await certs('issue', 'mod-a-1.0.0', '--dir', dir)
  t.is(code, 2)
  t.true(stderr.includes(`okapi-sidecar certs init --dir ${dir}`))
  t.deepEqual(await everything(dir), [])
})

test('issue where a file stands in the way leaves index and folder as they were', async (t) => {
  const dir = await place(t)
  await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  await writeFile(join(dir, 'mod-a-1.0.0'), 'not a folder')
  const index = await readFile(join(dir, 'index.json'), 'utf8')
  const { code, stderr } = await certs('issue', 'mod-a-1.0.0', '--dir', dir)
  t.is(code, 2)
  t.regex(stderr, /cannot write .*mod-a-1\.0\.0 \((EEXIST|ENOTDIR)\)/)
  t.is(await readFile(join(dir, 'index.json'), 'utf8'), index)
})

test('a broken index and a missing root key are named, not repaired', async (t) => {
  const dir = await place(t)
  await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  const index = await readFile(join(dir, 'index.json'), 'utf8')
  await writeFile(join(dir, 'index.json'), index.slice(0, 40))
  const broken = await certs('issue', 'mod-a-1.0.0', '--dir', dir)
  t.is(broken.code, 2)
  t.regex(broken.stderr, /index\.json: this is not the index of a CA/)
  await writeFile(join(dir, 'index.json'), index)
  await chmod(join(dir, 'ca.key'), 0o600)
  await rm(join(dir, 'ca.key'))
  const keyless = await certs('issue', 'mod-a-1.0.0', '--dir', dir)
  t.is(keyless.code, 2)
  t.regex(keyless.stderr, /cannot read .*ca\.key \(ENOENT\)/)
})

test('two processes that issue at once both end up in the index', async (t) => {
  const dir = await place(t)
  await certs('init', '--dir', dir, '--trust-domain', 'folio.test')
  const ids = ['mod-a-1.0.0', 'mod-b-1.0.0', 'mod-c-1.0.0']
  const outcomes = await Promise.all(ids.map((id) => certs('issue', id, '--dir', dir)))
  t.deepEqual(
    outcomes.map(({ code }) => code),
    [0, 0, 0],
  )
  const { issued } = JSON.parse(await readFile(join(dir, 'index.json'), 'utf8'))
  t.deepEqual(issued.map(({ name }: { name: string }) => name).toSorted(), ids)
})

test('a subcommand that does not exist ends with 2, and those that do are named', async (t) => {
  for (const argv of [[], ['--json'], ['destroy'], ['constructor']]) {
    const { code, stderr } = await certs(...argv)
    t.is(code, 2)
    t.regex(stderr, /(missing subcommand|one of): init, issue/)
  }
})

test('init below a file is an error that says so', async (t) => {
  const dir = await place(t)
  await writeFile(join(dir, 'file'), 'not a folder')
  const into = join(dir, 'file', 'new')
  const { code, stderr } = await certs('init', '--dir', into, '--trust-domain', 'folio.test')
  t.is(code, 2)
  t.regex(stderr, /cannot write .*\(ENOTDIR\)/)
  t.regex(stderr, /hint: a file exists where a directory is needed/)
})

test('init in the folder of the repository: git sees its two pages and no key', async (t) => {
  const repository = await place(t)
  const dir = join(repository, 'certs-dev')
  await cp(new URL('../../certs-dev', import.meta.url), dir, {
    recursive: true,
    filter: (from) => /(certs-dev|README\.md|\.gitignore)$/.test(from),
  })
  t.is((await certs('init', '--dir', dir, '--trust-domain', 'folio.test')).code, 0)
  t.is((await certs('issue', 'mod-users-19.7.0', '--dir', dir)).code, 0)
  await execute('git', ['-C', repository, 'init', '-q'])
  const { stdout } = await execute('git', ['-C', repository, 'status', '-s', '-uall'])
  t.deepEqual(stdout.split('\n').sort(), ['', '?? certs-dev/.gitignore', '?? certs-dev/README.md'])
})
