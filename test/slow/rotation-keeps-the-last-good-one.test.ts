import { spawnSync } from 'node:child_process'
import { rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { sequence } from '../support/der.ts'
import {
  authorityKeyIdentifier,
  extension,
  makeCa,
  makePair,
  moduleNames,
  type TestCa,
} from '../support/pki.ts'
import {
  descriptorsIn,
  type Files,
  filesOf,
  mountSecret,
  OKAPI,
  type Rotating,
  startTwo,
  type Two,
  USERS,
} from '../support/rotation.ts'
import { Process } from '../support/scenario/process.ts'

const DAY_MS = 86_400_000

/** What is written instead of good files, and what a person is told. */
interface Broken {
  /** `directory`: for what is no matter of content. */
  make(good: Files, ca: TestCa, directory: string): Promise<Files> | Files
  readonly said: RegExp
}

const cut = (text: string | undefined, length: number) => text?.slice(0, length)

const BROKEN: Readonly<Record<string, Broken>> = {
  'tls.crt truncated': {
    make: (good) => ({ ...good, 'tls.crt': cut(good['tls.crt'], 300) }),
    said: /tls\.crt: the CERTIFICATE that begins on line 1 has no end/,
  },
  'tls.key truncated': {
    make: (good) => ({ ...good, 'tls.key': cut(good['tls.key'], 90) }),
    said: /tls\.key: the PRIVATE KEY that begins on line 1 has no end/,
  },
  'ca.crt empty': {
    make: (good) => ({ ...good, 'ca.crt': '' }),
    said: /ca\.crt: the file is empty/,
  },
  'tls.key empty': {
    make: (good) => ({ ...good, 'tls.key': '' }),
    said: /tls\.key: the file is empty/,
  },
  'ca.crt deleted': {
    make: (good) => ({ ...good, 'ca.crt': undefined }),
    said: /ca\.crt: cannot be read: there is no such file/,
  },
  'ca.crl garbage': {
    make: (good) => ({ ...good, 'ca.crl': 'garbage\n' }),
    said: /ca\.crl: line 1 belongs to no PEM block/,
  },
  'a leaf instead of the root': {
    make: (good) => ({ ...good, 'ca.crt': good['tls.crt'] }),
    said: /ca\.crt: the certificate .* is not a CA/,
  },
  'a wrong key': {
    make: (good) => {
      const key = makePair('p256').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      return { ...good, 'tls.key': key }
    },
    said: /the first certificate is not that of the key/,
  },
  expired: {
    make: (_, ca) => leafOf(ca, { notBefore: ago(2), notAfter: ago(1) }),
    said: /tls\.crt: the certificate is not valid after/,
  },
  'not yet valid': {
    make: (_, ca) => leafOf(ca, { notBefore: ago(-1), notAfter: ago(-2) }),
    said: /tls\.crt: the certificate is not valid before/,
  },
  'another trust domain': {
    make: async (_, ca) => {
      const leaf = await ca.issue(moduleNames(USERS, 'other.test'))
      return { ...filesOf(leaf, [ca], []), 'ca.crl': await ca.crl() }
    },
    said: /is of trust domain other\.test, ours is folio\.test/,
  },
  'another module': {
    make: async (_, ca) => {
      const leaf = await ca.issue(moduleNames(OKAPI))
      return { ...filesOf(leaf, [ca], []), 'ca.crl': await ca.crl() }
    },
    said: /it is the certificate of okapi-7\.2\.0, the configuration says mod-users-19\.7\.0/,
  },
  'a leaf of another root': {
    make: async (_, ca) => {
      const leaf = await (await makeCa(undefined, 'root2')).issue(moduleNames(USERS))
      return filesOf(leaf, [ca], [await ca.crl()])
    },
    said: /does not lead to a root in/,
  },
  'a list of another root': {
    make: async (good) => ({ ...good, 'ca.crl': await (await makeCa(undefined, 'root2')).crl() }),
    said: /the revocation list of CN=root2 is not trusted/,
  },
  'a list for one of two roots': {
    make: async (good, ca) => {
      const other = await makeCa(undefined, 'root2')
      return { ...good, 'ca.crt': ca.certPem + other.certPem }
    },
    said: /there is no revocation list of CN=root2/,
  },
  'a list that has expired': {
    make: async (good, ca) => ({
      ...good,
      'ca.crl': await ca.crl([], { thisUpdate: ago(2), nextUpdate: ago(1), number: 2 }),
    }),
    said: /the revocation list of CN=root1 expired on/,
  },
  'a list for one distribution point, not critical': {
    make: async (good, ca) => ({
      ...good,
      'ca.crl': await ca.crl([], { extensions: [extension('2.5.29.28', sequence())] }),
    }),
    said: /ca\.crl: .*covers only a part of the certificates of its issuer/,
  },
  'a list that names another key': {
    make: async (good, ca) => ({
      ...good,
      'ca.crl': await ca.crl([], { extensions: [authorityKeyIdentifier(Buffer.alloc(20))] }),
    }),
    said: /ca\.crl: in a trial handshake our own certificate was refused as a server/,
  },
  'two roots of one name without key identifiers, the wrong one first': {
    make: async () => {
      const ids = { subjectKeyId: null, authorityKeyId: null }
      const wrong = await makeCa(undefined, 'twin', { ...ids, key: makePair('p256') })
      const right = await makeCa(undefined, 'twin', { ...ids, key: makePair('p256') })
      const leaf = await right.issue({ ...moduleNames(USERS), authorityKeyId: null })
      return filesOf(leaf, [wrong, right], [await wrong.crl(), await right.crl()])
    },
    said: /ca\.crt: two authorities have the name CN=twin and different keys/,
  },
  'a second root for any purpose': {
    make: async (good, ca) => {
      const other = await makeCa(undefined, 'root2', { eku: ['any'] })
      const crl = (await ca.crl()) + (await other.crl())
      return { ...good, 'ca.crt': ca.certPem + other.certPem, 'ca.crl': crl }
    },
    said: /ca\.crt: OpenSSL would refuse every peer that CN=root2 .* has certified/,
  },
  'a forged list': {
    make: async (good, ca) => ({ ...good, 'ca.crl': await ca.crl([], { forged: true }) }),
    said: /its signature is not that of this authority/,
  },
}

/** `check` and `run` have one function for it: a few of each kind show that they do. */
const ALSO_CHECKED = [
  'expired',
  'a list that names another key',
  'two roots of one name without key identifiers, the wrong one first',
  'a second root for any purpose',
]

function ago(days: number): Date {
  return new Date(Date.now() - days * DAY_MS)
}

async function leafOf(ca: TestCa, over: { notBefore: Date; notAfter: Date }): Promise<Files> {
  const leaf = await ca.issue({ ...moduleNames(USERS), ...over })
  return filesOf(leaf, [ca], [await ca.crl()])
}

/** A request through both sidecars. */
async function serves(t: ExecutionContext, two: Two, about: string): Promise<void> {
  const answer = await fetch(two.into, { headers: { 'x-okapi-tenant': 'diku' } })
  t.is(answer.status, 200, about)
}

async function numbers(rotating: Rotating) {
  const failed = await rotating.metric('sidecar_credentials_reload_total{result="failed"}')
  return { generation: await rotating.metric('sidecar_credentials_generation'), failed }
}

test('broken credentials: the last good ones stay, the reason is logged and counted', async (t) => {
  t.timeout(120_000)
  const two = await startTwo(t)
  const { ca, users } = two
  users.put(users.leaf, [ca], [await ca.crl()])
  await users.reached(2)
  const good = users.files
  let failed = 0
  for (const [name, { make, said }] of Object.entries(BROKEN)) {
    mountSecret(users.directory, await make(good, ca, users.directory))
    t.regex(await users.refused(++failed), said, name)
    t.deepEqual(await numbers(users), { generation: 2, failed }, name)
    await serves(t, two, name)
  }
  const directory = users.directory
  unlinkSync(join(directory, '..data'))
  symlinkSync('..gone', join(directory, '..data'))
  t.regex(await users.refused(++failed), /there is no such file/, 'a swap that was interrupted')
  await serves(t, two, 'a swap that was interrupted')
})

test('after a revocation list is removed, revoked certificates stay refused', async (t) => {
  const { ca, users } = await startTwo(t)
  users.put(users.leaf, [ca], [await ca.crl()])
  await users.reached(2)
  users.put(users.leaf, [ca])
  t.regex(await users.refused(1), /ca\.crl is gone; the last revocation lists stay in use/)
  t.is(await users.metric('sidecar_credentials_generation'), 2)
  t.true((await users.metric('sidecar_crl_next_update_timestamp_seconds')) > Date.now() / 1000)
})

test('half of a change, then the other half: nothing is lost on the way', async (t) => {
  const two = await startTwo(t)
  const { ca, okapi } = two
  const leaf = await okapi.issue(ca)
  okapi.write(okapi.directory, { 'tls.key': leaf.keyPem })
  t.regex(await okapi.refused(1), /the first certificate is not that of the key/)
  await serves(t, two, 'between the halves')
  okapi.put(leaf, [ca])
  await okapi.reached(2)
  await serves(t, two, 'whole')
})

test('an ending certificate is reported long before, and is a metric', async (t) => {
  const { ca, users, okapi } = await startTwo(t)
  t.is(await users.metric('sidecar_crl_next_update_timestamp_seconds'), Number.NaN)
  const nextUpdate = new Date(Math.floor(Date.now() / 1000) * 1000 + DAY_MS)
  const list = await ca.crl([], { thisUpdate: ago(9), nextUpdate })
  users.put(users.leaf, [ca], [list])
  const [{ problem } = {}] = await users.process.say(({ msg }) => msg === 'credentials run out')
  t.regex(String(problem), /^the revocation list of CN=root1 expires in 2?\d hours, on 20/)
  t.is(await users.metric('sidecar_crl_next_update_timestamp_seconds'), nextUpdate.getTime() / 1000)
  okapi.put(await ca.issue({ ...moduleNames(OKAPI), notBefore: ago(9), days: 2 }), [ca])
  const [{ problem: own } = {}] = await okapi.process.say(
    ({ msg }) => msg === 'credentials run out',
  )
  t.regex(String(own), /^our own certificate \(serial [0-9a-f]+\) expires in \d+ hours, on 20/)
  t.deepEqual(
    users.process.lines.filter(({ problem: said }) => String(said).includes('our own')),
    [],
  )
})

test('a certificate that expires in use is reported by readiness until it is replaced', async (t) => {
  const { ca, users } = await startTwo(t)
  const ready = async () => {
    const admin = `http://127.0.0.1:${users.process.port('admin')}/ready`
    return (await (await fetch(admin)).json()) as { remarks?: Record<string, string> }
  }
  // Not before it has been read, on a busy machine too.
  const nextUpdate = new Date(Math.ceil(Date.now() / 1000) * 1000 + 15_000)
  users.put(users.leaf, [ca], [await ca.crl([], { nextUpdate })])
  await users.reached(2)
  t.deepEqual(await ready(), { ready: true })
  const told = async () => (await ready()).remarks?.['credentials in use']
  while ((await told()) === undefined) await wait(100)
  t.is(
    await told(),
    `a revocation list expired on ${nextUpdate.toISOString()}: every new connection is refused`,
  )
  const [line] = await users.process.say(({ msg }) => msg === 'credentials in use are no good')
  t.like(line, { level: 'error', problem: await told() })
  users.put(users.leaf, [ca], [await ca.crl([], { number: 2 })])
  await users.reached(3)
  await users.process.say(({ msg }) => msg === 'credentials in use are good again')
  while ((await told()) !== undefined) await wait(100)
  t.deepEqual(await ready(), { ready: true })
})

test('an older list in the folder is a warning, and a remark until the newest is there', async (t) => {
  const { ca, users } = await startTwo(t)
  const remarks = async () => {
    const admin = `http://127.0.0.1:${users.process.port('admin')}/ready`
    return ((await (await fetch(admin)).json()) as { remarks?: object }).remarks
  }
  const newest = await ca.crl([], { number: 7 })
  users.put(users.leaf, [ca], [newest])
  await users.reached(2)
  users.put(users.leaf, [ca], [await ca.crl([], { number: 6 })])
  const [line] = await users.process.say(({ generation }) => generation === 3)
  t.like(line, { msg: 'credentials loaded', level: 'warn' })
  t.deepEqual(await remarks(), {
    'revocation lists':
      'ca.crl has an older list than the one in use, which stays in use until a restart',
  })
  users.put(users.leaf, [ca], [newest])
  await users.process.say(({ msg, level }) => msg === 'credentials loaded' && level === 'info', 3)
  t.is(await remarks(), undefined)
})

test('at start each of them ends with 2 and says why; the good twin listens', async (t) => {
  t.timeout(120_000)
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue(moduleNames(USERS))
  const good = filesOf(leaf, [ca], [await ca.crl()])
  const { directory, start, check } = place(t)
  for (const [name, { make, said }] of Object.entries(BROKEN)) {
    mountSecret(directory, await make(good, ca, directory))
    const ended = start()
    t.is(await ended.ended, 2, name)
    t.regex(ended.err, said, name)
    t.is(ended.out, '', name)
    if (!ALSO_CHECKED.includes(name)) continue
    const checked = check()
    t.is(await checked.ended, 2, name)
    t.regex(checked.err, said, name)
  }
  mountSecret(directory, good)
  const process = start()
  const [line] = await process.say(({ msg }) => msg === 'ready')
  t.truthy(line)
  t.is(await process.stop(), 0)
})

test('a key that may not be read, or a file that others may write, is refused at start', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { directory, start } = place(t)
  mountSecret(directory, filesOf(await ca.issue(moduleNames(USERS)), [ca], []))
  const key = join(directory, 'tls.key')
  spawnSync('chmod', ['666', key])
  const open = start()
  t.is(await open.ended, 2)
  t.regex(open.err, /tls\.key: others may write it \(mode 0666\)/)
  if (process.getuid?.() === 0) {
    t.log('skipped: root reads every file')
    return
  }
  spawnSync('chmod', ['000', key])
  const closed = start()
  t.is(await closed.ended, 2)
  t.regex(closed.err, /tls\.key: cannot be read: permission denied/)
})

/** A folder for credentials, and a sidecar that begins with them. */
function place(t: ExecutionContext) {
  const root = spawnSync('mktemp', ['-d'], { encoding: 'utf8' }).stdout.trim()
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const directory = join(root, 'certs')
  const file = join(root, 'sidecar.json')
  const configuration = {
    module: USERS,
    trustDomain: 'folio.test',
    credentials: { directory },
    ingress: { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' },
    policy: { descriptors: descriptorsIn(root) },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
  }
  writeFileSync(file, JSON.stringify(configuration), { mode: 0o600 })
  const start = () => new Process(['run', '-c', file])
  return { directory, start, check: () => new Process(['check', '-c', file]) }
}
