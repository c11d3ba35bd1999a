import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { entriesOf, entryWith, verifyTrail } from '../support/audit-trail.ts'
import { until } from '../support/patience.ts'
import { metric } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  Place,
  Player,
  type Sidecar,
  Talk,
  verdictOf,
  type Where,
  withTool,
} from '../support/scenario.ts'

// Okapi's sidecar as processes, one after the other, that write one trail. The disk is full where the process may
// write no larger files (RLIMIT_FSIZE): the line that is being written then is cut in the middle.

const withPrlimit = withTool('prlimit')

let place: Place
let okapi: Player
let directory = ''
let trail = ''
let sidecar: Sidecar
let where: Where

const T = 'X-Okapi-Tenant: diku'
/** Of mod-notes: `users` is highly sensitive, what it provides itself is not. */
const SENSITIVE = get('/users/1', T)
const ORDINARY = get('/notes/1', T)

async function start(audit: object, more: object = {}): Promise<void> {
  sidecar = await place.process(ID.okapi, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${okapi.port}` },
    policy: { sensitivity: { users: 'high' } },
    audit,
    ...more,
  })
  where = { port: sidecar.port('ingress'), certificate: join(directory, 'certs', ID.notes) }
}

/** From now on no file of the process may be larger; undefined: any size is fine. */
function mostBytes(bytes: number | undefined): void {
  const limit = `--fsize=${bytes ?? 'unlimited'}:unlimited`
  execFileSync('prlimit', ['--pid', String(sidecar.pid), limit])
}

/** Entries of exchanges that were only counted. */
const counted = () =>
  entriesOf(trail).filter((entry) => entry.kind === 'exchange' && entry['phase'] === undefined)
    .length

const said = async (text: string) => verdictOf(await ask(where, text))

test.before(async () => {
  place = await Place.make()
  okapi = await Player.start()
  ;({ directory } = place)
  trail = join(directory, 'audit.log')
  await place.certificate(ID.notes)
})
test.beforeEach(() => okapi?.forget())
test.after.always(async () => {
  await sidecar?.stop()
  await okapi?.close()
  await place?.close()
})

withPrlimit('a full disk: what has no entry does not go on, and all else does', async (t) => {
  await start({ to: trail }, { workers: 2 })
  t.is(await said(SENSITIVE), '200')
  await entryWith(trail, { seq: 4 })
  mostBytes(statSync(trail).size + 300)
  okapi.forget()
  t.is(await said(SENSITIVE), '503 audit-unavailable')
  t.is(okapi.requests.length, 0)
  t.is(await said(SENSITIVE), '503 audit-unavailable')
  t.is(await said(ORDINARY), '200')
  t.is(await metric(sidecar, 'sidecar_audit_unwritable'), 1)
  const ready = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/ready`)
  t.regex(
    JSON.stringify(await ready.json()),
    /cannot be written, what it is about is refused: EFBIG/,
  )
  await sidecar.say(({ msg }) => msg === 'the audit trail cannot be written')
  const size = statSync(trail).size
  mostBytes(undefined)
  await until(async () => (await metric(sidecar, 'sidecar_audit_unwritable')) === 0)
  t.is(await said(SENSITIVE), '200')
  t.true(statSync(trail).size > size)
  const gap = await entryWith(trail, { kind: 'gap' })
  t.like(gap, { lost: 0, refused: 2 })
  t.regex(String(gap['why']), /EFBIG/)
  const { code, stderr } = await verifyTrail(trail)
  t.is(code, 0, stderr)
  t.regex(stderr, /warning: .*audit\.log:\d+: entry \d+ says that nothing could be written since/)
  t.regex(stderr, /: 0 entries are missing, 2 exchanges were refused$/m)
})

test.serial('two threads, files that are moved away meanwhile, one chain', async (t) => {
  if (!existsSync(trail)) await start({ to: trail }, { workers: 2 })
  const talks = Array.from({ length: 8 }, () => new Talk(where))
  for (let round = 0; round < 3; round++) {
    const before = entriesOf(trail).length
    for (const talk of talks) talk.send(SENSITIVE.repeat(20))
    await until(() => entriesOf(trail).length > before + 20)
    renameSync(trail, `${trail}.${round}`)
    for (const talk of talks) for (let i = 0; i < 20; i++) t.is(verdictOf(await talk.next()), '200')
    // Each is begun before the next is moved.
    await until(() => existsSync(trail) && statSync(trail).size > 0)
  }
  for (const talk of talks) talk.close()
  const files = [0, 1, 2].map((round) => `${trail}.${round}`)
  const ended = () =>
    [...files, trail].flatMap(entriesOf).filter((entry) => entry['phase'] === 'ended').length
  await until(() => ended() >= 3 * 8 * 20)
  const { code, stderr, stdout } = await verifyTrail(...files, trail)
  t.is(code, 0, stderr)
  t.regex(stdout, /, 1 start/)
  const [one = '', two = '', three = ''] = files
  t.is((await verifyTrail(one, three, two, trail)).code, 1)
  t.is((await verifyTrail(one, two, trail)).code, 1)
})

withPrlimit('killed in the middle of a line: the next process states it', async (t) => {
  mostBytes(statSync(trail).size + 100)
  t.is(await said(SENSITIVE), '503 audit-unavailable')
  sidecar.signal('SIGKILL')
  await sidecar.ended
  t.notRegex(readFileSync(trail, 'latin1'), /\n$/)
  const cut = await verifyTrail(trail)
  t.is(cut.code, 1)
  t.regex(cut.stderr, /the line of entry \d+ has no end/)
  await start({ to: trail, whenUnwritable: 'count' })
  const [began] = entriesOf(trail).filter((entry) => entry['torn'] !== undefined)
  t.deepEqual(Object.keys(began!['torn'] as object), ['bytes', 'sha256'])
  const { code, stderr } = await verifyTrail(trail)
  t.is(code, 0, stderr)
  t.regex(stderr, /warning: .*: a line was cut here, which entry \d+ states/)
})

withPrlimit(
  'a full disk that is only counted: calls go on, and their entries follow',
  async (t) => {
    mostBytes(statSync(trail).size)
    for (let i = 0; i < 20; i++) t.is(await said(SENSITIVE), '200')
    await until(async () => (await metric(sidecar, 'sidecar_audit_unwritable')) === 1)
    t.is(counted(), 0)
    mostBytes(undefined)
    await until(() => counted() === 20)
    t.is(await metric(sidecar, 'sidecar_audit_lost_total'), 0)
  },
)

test.serial('a second process waits for the first one to end', async (t) => {
  if (!existsSync(trail)) await start({ to: trail })
  const first = sidecar
  const second = start({ to: trail, whenUnwritable: 'count' })
  t.is(await first.stop(), 0)
  await second
  const kinds = entriesOf(trail).map(({ kind }) => kind)
  // Nothing of the second stands before the end of the first.
  t.is(kinds[kinds.lastIndexOf('start') - 1], 'stop')
  t.is(await sidecar.stop(), 0)
  t.is(entriesOf(trail).at(-1)?.kind, 'stop')
  const { code, stderr, stdout } = await verifyTrail(trail)
  t.is(code, 0, stderr)
  t.regex(stdout, /head \d+:/)
})

test.serial('an end that was added by hand: no start, and verify says where', async (t) => {
  const whole = readFileSync(trail)
  appendFileSync(trail, '{"level":"info","msg":"nothing happened"}\n')
  const inside = { audit: { to: trail }, egress: { modules: { listen: '127.0.0.1:0' } } }
  await t.throwsAsync(place.sidecar(ID.okapi, inside), { message: /its end is not an audit trail/ })
  const { code, stderr } = await verifyTrail(trail)
  t.is(code, 1)
  t.regex(stderr, /: this is not an entry: it was changed, or does not belong here/)
  writeFileSync(trail, whole)
})

test.serial('standard output: entries stand between the lines of the log', async (t) => {
  await start({ to: 'stdout' })
  for (let i = 0; i < 5; i++) t.is(await said(SENSITIVE), '200')
  t.is(await sidecar.stop(), 0)
  const log = await place.file('stdout.log', sidecar.out)
  const both = await verifyTrail('--among-others', log, '--heads', log)
  t.is(both.code, 0, both.stderr)
  t.regex(both.stdout, /the head is there/)
  t.is((await verifyTrail(log)).code, 1)
  const lines = sidecar.out.split('\n')
  const at = lines.findIndex((line) => line.startsWith('{"seq":6,'))
  const less = await place.file('less.log', lines.toSpliced(at, 1).join('\n'))
  t.regex((await verifyTrail('--among-others', less)).stderr, /entry 6 is missing before entry 7/)
})
