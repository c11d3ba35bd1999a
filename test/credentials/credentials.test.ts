import { appendFile, mkdtemp, rename, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Credentials, type ReloadReport } from '../../src/credentials/credentials.ts'
import { directorySource } from '../../src/credentials/directory.ts'
import { contentHashOf, type LookWith } from '../../src/credentials/generation.ts'
import type { CredentialSource } from '../../src/credentials/raw-material.ts'
import { Fault, sentence } from '../../src/fault.ts'
import { lookWith } from '../../src/transport/handshake-check.ts'
import { splitPem } from '../../src/x509/pem.ts'
import {
  type CrlOptions,
  makeCa,
  makePair,
  moduleNames,
  type TestCa,
  writeCredentials,
} from '../support/pki.ts'

const USERS = 'mod-users-19.7.0'
const expected = { module: USERS, trustDomain: 'folio.test', lookWith }
const DAY_MS = 86_400_000

interface World {
  readonly directory: string
  readonly ca: TestCa
  readonly credentials: Credentials
  readonly reports: ReloadReport[]
  /** A clock that stands still until it is set. */
  now: number
  /** Writes another leaf, and whatever else is said. */
  renew(over?: { ca?: string; crl?: string; days?: number }): Promise<void>
}

/** Says of every chain that it was verified: for tests whose clock is not OpenSSL's. */
const verified: LookWith =
  () =>
  async ({ cert }, role) => {
    const chain = splitPem(Buffer.from(cert), ['CERTIFICATE']).map(({ der }) => der)
    return { facts: { authorized: true, error: undefined, chain, role } }
  }

/** Started credentials of a real directory; nothing is noticed unless a test asks for it. */
async function begin(
  first: { crl?: (ca: TestCa) => Promise<string>; look?: LookWith } = {},
): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-'))
  const ca = await makeCa(undefined, 'root1')
  const reports: ReloadReport[] = []
  const renew: World['renew'] = async ({ ca: bundle = ca.certPem, crl, days = 30 } = {}) => {
    const leaf = await ca.issue({ ...moduleNames(USERS), days })
    await writeCredentials(directory, { leaf, ca: bundle, ...(crl !== undefined && { crl }) })
  }
  const crl = await first.crl?.(ca)
  await renew(crl === undefined ? {} : { crl })
  const source: CredentialSource = { ...directorySource(directory), watch: () => () => {} }
  const world = { directory, ca, reports, renew, now: Date.now() }
  const credentials = new Credentials({
    source,
    expected: { ...expected, ...(first.look && { lookWith: first.look }) },
    now: () => live.now,
    onReload: (report) => reports.push(report),
  })
  const live: World = Object.assign(world, { credentials })
  await credentials.start()
  return live
}

test('the first generation is reported with everything that is new', async (t) => {
  const { credentials, reports } = await begin()
  const { current } = credentials
  t.is(current.number, 1)
  t.is(reports.length, 1)
  t.like(reports[0], { result: 'ok', number: 1, problems: [] })
  const [report] = reports
  if (report?.result !== 'ok') return t.fail()
  t.is(report.changed.serial, current.leaf.serial.hex)
  t.is(report.changed.rootsAdded.length, 1)
  t.regex(report.changed.rootsAdded[0] ?? '', /^CN=root1 \(SHA-256 [0-9a-f]{64}\)$/)
})

test('at start a broken directory is a Fault, and nothing is current', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-'))
  const credentials = new Credentials({
    source: directorySource(directory),
    expected,
    now: Date.now,
  })
  await t.throwsAsync(credentials.start(), { instanceOf: Fault })
  t.throws(() => credentials.current, { message: /before start/ })
})

test('a new generation is swapped first, then passed to every subscriber once', async (t) => {
  const { credentials, reports, renew } = await begin()
  const first = credentials.current
  const seen: string[] = []
  const leave = credentials.subscribe((next, previous) => {
    t.is(credentials.current, next)
    t.is(previous, first)
    seen.push('a')
  })
  credentials.subscribe(() => seen.push('b'))
  await renew()
  await credentials.reload()
  t.deepEqual(seen, ['a', 'b'])
  t.is(credentials.current.number, 2)
  t.not(credentials.current.leaf.serial.hex, first.leaf.serial.hex)
  t.like(reports.at(-1), { result: 'ok', number: 2 })
  leave()
  await renew()
  await credentials.reload()
  t.deepEqual(seen, ['a', 'b', 'b'])
})

test('the same content makes no new generation', async (t) => {
  const { credentials, reports } = await begin()
  const { current } = credentials
  await credentials.reload()
  t.is(credentials.current, current)
  t.is(reports.length, 1)
})

test('added and removed roots, and the number of newly revoked certificates, are reported', async (t) => {
  const { ca, credentials, reports, renew } = await begin()
  const other = await makeCa(undefined, 'root2')
  const stranger = await ca.issue()
  const crl = (await ca.crl([stranger])) + (await other.crl())
  await renew({ ca: ca.certPem + other.certPem, crl })
  await credentials.reload()
  const added = reports.at(-1)
  if (added?.result !== 'ok') return t.fail()
  t.deepEqual(added.changed.rootsRemoved, [])
  t.regex(added.changed.rootsAdded.join(), /^CN=root2 /)
  t.is(added.changed.newlyRevoked, 1)
  await renew({ ca: ca.certPem, crl: await ca.crl([stranger]) })
  await credentials.reload()
  const removed = reports.at(-1)
  if (removed?.result !== 'ok') return t.fail()
  t.deepEqual(removed.changed.rootsAdded, [])
  t.regex(removed.changed.rootsRemoved.join(), /^CN=root2 /)
  t.is(removed.changed.newlyRevoked, 0)
})

const breakages: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  'tls.crt truncated': ({ directory }) => truncate(join(directory, 'tls.crt'), 300),
  'tls.crt empty': ({ directory }) => truncate(join(directory, 'tls.crt'), 0),
  'tls.key empty': ({ directory }) => truncate(join(directory, 'tls.key'), 0),
  'ca.crt empty': ({ directory }) => truncate(join(directory, 'ca.crt'), 0),
  'ca.crt deleted': ({ directory }) => unlink(join(directory, 'ca.crt')),
  'tls.key deleted': ({ directory }) => unlink(join(directory, 'tls.key')),
  'ca.crt garbage': ({ directory }) => writeFile(join(directory, 'ca.crt'), 'garbage'),
  'garbage after ca.crt': ({ directory }) => appendFile(join(directory, 'ca.crt'), 'garbage'),
  'a leaf instead of the root': ({ directory }) =>
    rename(join(directory, 'tls.crt'), join(directory, 'ca.crt')),
  'a wrong key': ({ directory }) => {
    const { privateKey } = makePair('p256')
    return writeFile(
      join(directory, 'tls.key'),
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
    )
  },
  expired: async (world) => {
    await world.renew({ days: 1 })
    world.now += 2 * DAY_MS
  },
  'not yet valid': async (world) => {
    await world.renew()
    world.now -= DAY_MS
  },
  'another module': async ({ directory, ca }) => {
    const leaf = await ca.issue(moduleNames('mod-login-1.0.0'))
    await writeCredentials(directory, { leaf, ca: ca.certPem })
  },
  'another trust domain': async ({ directory, ca }) => {
    const leaf = await ca.issue(moduleNames(USERS, 'other.test'))
    await writeCredentials(directory, { leaf, ca: ca.certPem })
  },
  'a list of another CA': async ({ directory }) => {
    const other = await makeCa(undefined, 'root2')
    await writeFile(join(directory, 'ca.crl'), await other.crl())
  },
  'a list for one of two roots': async ({ ca, renew }) => {
    const other = await makeCa(undefined, 'root2')
    await renew({ ca: ca.certPem + other.certPem, crl: await ca.crl() })
  },
}
for (const [name, breaks] of Object.entries(breakages)) {
  test(`the last good one stays, told once, and mending helps: ${name}`, async (t) => {
    const world = await begin()
    const { credentials, reports } = world
    const { current } = credentials
    credentials.subscribe(() => t.fail('nothing was activated'))
    await breaks(world)
    await credentials.reload()
    await credentials.reload()
    t.is(credentials.current, current)
    t.is(reports.length, 2)
    t.like(reports[1], { result: 'failed', number: 1 })
    t.true((reports[1]?.problems.length ?? 0) > 0)
  })
  test(`mended afterwards: ${name}`, async (t) => {
    const world = await begin()
    const { credentials, reports } = world
    const start = world.now
    await breaks(world)
    await credentials.reload()
    world.now = start
    await unlink(join(world.directory, 'ca.crl')).catch(() => {})
    await world.renew()
    await credentials.reload()
    t.is(credentials.current.number, 2)
    t.like(reports.at(-1), { result: 'ok', number: 2 })
  })
}

test('a certificate that is not valid yet is reported once', async (t) => {
  const world = await begin({ look: verified })
  const { ca, credentials, directory, reports } = world
  const notBefore = new Date(world.now + DAY_MS)
  const leaf = await ca.issue({ ...moduleNames(USERS), days: 30, notBefore })
  await writeCredentials(directory, { leaf, ca: ca.certPem })
  await credentials.reload()
  world.now += 30_000
  await credentials.reload()
  t.is(reports.length, 2)
  t.regex(reports[1]?.problems.map(sentence).join() ?? '', /not valid before .* by the clock here/)
})

test('a swap interrupted midway: new certificate, old key, then the key', async (t) => {
  const { ca, directory, credentials, reports } = await begin()
  const leaf = await ca.issue(moduleNames(USERS))
  await writeFile(join(directory, 'tls.crt'), leaf.chainPem)
  await credentials.reload()
  t.is(credentials.current.number, 1)
  t.like(reports.at(-1), { result: 'failed' })
  await writeFile(join(directory, 'tls.key'), leaf.keyPem)
  await credentials.reload()
  t.is(credentials.current.number, 2)
})

test('lists that are deleted stay in use; lists that change are taken', async (t) => {
  const { ca, directory, credentials, reports, renew } = await begin({ crl: (root) => root.crl() })
  await unlink(join(directory, 'ca.crl'))
  await credentials.reload()
  t.is(credentials.current.crls.length, 1)
  t.like(reports.at(-1), { result: 'failed' })
  await renew({ crl: await ca.crl([await ca.issue()]) })
  await credentials.reload()
  t.is(credentials.current.crls[0]?.revoked.size, 1)
})

const YEAR_MS = 365 * DAY_MS
const issuedAt = (agoMs: number, number: number | null) => ({
  thisUpdate: new Date(Date.now() - agoMs),
  nextUpdate: new Date(Date.now() + YEAR_MS),
  number,
})

const successions: Readonly<Record<string, readonly [CrlOptions, CrlOptions, boolean]>> = {
  'a higher number': [issuedAt(DAY_MS, 7), issuedAt(1000, 8), true],
  'a lower number': [issuedAt(DAY_MS, 7), issuedAt(2 * DAY_MS, 6), false],
  'a lower number with a later date': [issuedAt(DAY_MS, 7), issuedAt(1000, 6), false],
  'a number of more digits': [issuedAt(DAY_MS, 9), issuedAt(1000, 10), true],
  'a number beyond 64 bits': [issuedAt(DAY_MS, 2 ** 80), issuedAt(1000, 2 ** 70), false],
  'the same number with an earlier date': [issuedAt(DAY_MS, 7), issuedAt(2 * DAY_MS, 7), false],
  'no number, a later date': [issuedAt(DAY_MS, null), issuedAt(1000, null), true],
  'no number, an earlier date': [issuedAt(DAY_MS, null), issuedAt(2 * DAY_MS, null), false],
  'a number after none, an earlier date': [issuedAt(DAY_MS, null), issuedAt(2 * DAY_MS, 9), false],
}
for (const [name, [first, second, isTaken]] of Object.entries(successions)) {
  test(`of two lists of one authority the newer is in use: ${name}`, async (t) => {
    const world = await begin({ crl: (ca) => ca.crl([], first) })
    const { ca, credentials, reports, renew } = world
    const { serial } = credentials.current.leaf
    await renew({ crl: await ca.crl([await ca.issue()], second) })
    await credentials.reload()
    const { current } = credentials
    t.is(current.number, 2, 'what came with it is taken in any case')
    t.not(current.leaf.serial.hex, serial.hex)
    t.is(current.crls[0]?.revoked.size, isTaken ? 1 : 0)
    const said = reports.at(-1)?.problems.map(sentence).join() ?? ''
    t.is(/is older than the one in use/.test(said), !isTaken, said)
    t.is(/has no number/.test(said), current.crls[0]?.number === undefined, said)
  })
}

test('an older list is not taken by way of a bundle without its authority', async (t) => {
  const world = await begin({ crl: (ca) => ca.crl([], issuedAt(DAY_MS, 7)) })
  const { ca, credentials, renew } = world
  const other = await makeCa(undefined, 'root2')
  const both = ca.certPem + other.certPem
  const otherList = (number: number) => other.crl([], issuedAt(DAY_MS, number))
  const ours = await ca.crl([], issuedAt(DAY_MS, 7))
  await renew({ ca: both, crl: ours + (await otherList(5)) })
  await credentials.reload()
  await renew({ crl: ours })
  await credentials.reload()
  await renew({ ca: both, crl: ours + (await otherList(4)) })
  await credentials.reload()
  t.is(credentials.current.number, 4)
  t.deepEqual(
    credentials.current.crls.map((crl) => crl.number),
    [7n, 5n],
  )
  t.true(credentials.current.crlsKept)
})

test('an older list in place of one that has expired: the last good generation stays', async (t) => {
  const world = await begin({
    crl: (ca) => ca.crl([], { ...issuedAt(DAY_MS, 7), nextUpdate: new Date(Date.now() + DAY_MS) }),
  })
  const { ca, credentials, reports, renew } = world
  world.now += 2 * DAY_MS
  await renew({ crl: await ca.crl([], issuedAt(1000, 6)) })
  await credentials.reload()
  t.is(credentials.current.number, 1)
  t.regex(reports.at(-1)?.problems.map(sentence).join() ?? '', /is older .*expired on/)
})

test('the same files again after a failure are reported as fixed', async (t) => {
  const { directory, credentials, reports } = await begin()
  await rename(join(directory, 'ca.crt'), join(directory, 'away'))
  await credentials.reload()
  await rename(join(directory, 'away'), join(directory, 'ca.crt'))
  await credentials.reload()
  await credentials.reload()
  t.deepEqual(
    reports.map(({ result, number }) => [result, number]),
    [
      ['ok', 1],
      ['failed', 1],
      ['ok', 1],
    ],
  )
})

test('credentials that were not yet valid are taken once they are, without a change of the files', async (t) => {
  const world = await begin({ look: verified })
  const later = await world.ca.issue({
    ...moduleNames(USERS),
    notBefore: new Date(world.now + DAY_MS),
  })
  await writeCredentials(world.directory, { leaf: later, ca: world.ca.certPem })
  await world.credentials.reload()
  t.is(world.credentials.current.number, 1)
  world.now += 2 * DAY_MS
  await world.credentials.reload()
  t.is(world.credentials.current.number, 2)
})

test('many calls at once read one after the other and end with the newest', async (t) => {
  const { credentials, directory, renew } = await begin()
  await renew()
  const first = credentials.reload()
  await renew()
  await Promise.all([first, ...Array.from({ length: 20 }, () => credentials.reload())])
  const newest = contentHashOf(await directorySource(directory).read())
  t.is(credentials.current.contentHash, newest)
  t.true(credentials.current.number <= 3)
})

test('a change of the directory is noticed by itself, and not after the stop', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-'))
  const ca = await makeCa(undefined, 'root1')
  const renew = async () =>
    writeCredentials(directory, { leaf: await ca.issue(moduleNames(USERS)), ca: ca.certPem })
  await renew()
  const source = directorySource(directory, { debounceMs: 20, pollMs: 50 })
  const credentials = new Credentials({ source, expected, now: Date.now })
  await credentials.start()
  const alive = setInterval(() => {}, 1000)
  const { promise, resolve } = Promise.withResolvers<void>()
  credentials.subscribe(() => resolve())
  await renew()
  await promise
  clearInterval(alive)
  credentials.stop()
  const { number } = credentials.current
  t.true(number >= 2)
  await renew()
  await credentials.reload()
  t.is(credentials.current.number, number)
})
