import { chmodSync, mkdtempSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'ava'
import { answer, ask, fields, get, ID, Installation, Talk, verdictOf } from '../support/scenario.ts'

// mod-tags requires nothing; Okapi's sidecar and its own both read the same folder.

let installation: Installation
let grants: string

test.before(async () => {
  grants = join(mkdtempSync(join(tmpdir(), 'grants-')), 'grants.yaml')
  writeFileSync(grants, '[]\n', { mode: 0o600 })
  const policy = { grants }
  const more = { [ID.tags]: { policy }, [ID.okapi]: { policy } }
  installation = await Installation.open({ modules: [ID.tags], more })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(() => installation?.close())

const USERS = get('/users/1', 'X-Okapi-Tenant: diku')

/** What `/ready` answers. */
interface Ready {
  readonly ready: boolean
  readonly remarks?: { readonly policy?: string }
}

/** Writes and waits until both sidecars have told of it. */
async function change(file: string, text: string, msg: 'policy loaded' | 'new policy refused') {
  const both = [installation.sidecar(ID.tags), installation.sidecar(ID.okapi)]
  const before = both.map(({ lines }) => lines.filter((line) => line.msg === msg).length)
  writeFileSync(file, text, { mode: 0o600 })
  await Promise.all(both.map((one, i) => one.say((line) => line.msg === msg, before[i]! + 1)))
}

test.serial('a grant that is added opens, on a connection that was there before', async (t) => {
  const talk = new Talk(installation.egress(ID.tags))
  t.is(verdictOf(await talk.send(USERS).next()), '403 interface-not-required')
  const why = 'a test of what is taken up'
  await change(
    grants,
    `- { caller: mod-tags, at: okapi, interface: users, why: ${why} }\n`,
    'policy loaded',
  )
  t.is(verdictOf(await talk.send(USERS).next()), '200')
  talk.close()
})

test.serial('a broken file leaves the last good policy in force, and says so', async (t) => {
  await change(
    grants,
    '- { caller: mod-tags, at: okapi, interface: users }\n',
    'new policy refused',
  )
  t.is(verdictOf(await ask(installation.egress(ID.tags), USERS)), '200')
  const admin = `127.0.0.1:${installation.sidecar(ID.okapi).port('admin')}`
  const ready = (await (await fetch(`http://${admin}/ready`)).json()) as Ready
  t.true(ready.ready)
  // What is wrong, and where: of each place that a person may look at.
  t.regex(
    ready.remarks?.policy ?? '',
    /^the last good policy stays in force: .*grants\.yaml:1:3: why/,
  )
  const [line] = installation
    .sidecar(ID.okapi)
    .lines.filter(({ msg }) => msg === 'new policy refused')
  t.is(line?.problems?.length, 1)
  const metrics = await (await fetch(`http://${admin}/metrics`)).text()
  t.regex(metrics, /sidecar_policy_reload_total\{result="failed"\} 1/)
})

test.serial('a broken descriptor too', async (t) => {
  const file = join(installation.place.descriptors, `${ID.users}.json`)
  const whole = readFileSync(file, 'utf8')
  await change(grants, '[]\n', 'policy loaded')
  await change(file, whole.slice(0, 100), 'new policy refused')
  t.is(verdictOf(await ask(installation.egress(ID.tags), USERS)), '403 interface-not-required')
  await change(file, whole, 'policy loaded')
  const admin = `127.0.0.1:${installation.sidecar(ID.okapi).port('admin')}`
  t.deepEqual(await (await fetch(`http://${admin}/ready`)).json(), { ready: true })
})

test.serial(
  'a file that others may write is refused as at the start, and mended by its mode',
  async (t) => {
    const admin = `127.0.0.1:${installation.sidecar(ID.okapi).port('admin')}`
    const ready = async () => (await fetch(`http://${admin}/ready`)).json()
    for (const [place, mode, good] of [
      [grants, 0o666, 0o600],
      [dirname(grants), 0o777, 0o700],
      [join(installation.place.descriptors, `${ID.users}.json`), 0o666, 0o644],
      [installation.place.descriptors, 0o777, 0o755],
    ] as const) {
      const both = [installation.sidecar(ID.tags), installation.sidecar(ID.okapi)]
      const count = (msg: string) =>
        both.map((one) => one.lines.filter((l) => l.msg === msg).length)
      const [refused, taken] = [count('new policy refused'), count('policy loaded')]
      chmodSync(place, mode)
      // A mode alone is no event in a folder: a file that comes and goes is.
      writeFileSync(`${grants}.touched`, '', { mode: 0o600 })
      writeFileSync(join(installation.place.descriptors, '.touched'), '')
      for (const [i, one] of both.entries()) {
        const line = (await one.say((l) => l.msg === 'new policy refused', refused[i]! + 1)).at(-1)
        t.regex(JSON.stringify(line), /others may write this.*hints.*chmod go-w/)
      }
      const said = (await ready()) as Ready
      t.true(said.ready)
      t.regex(said.remarks?.policy ?? '', /stays in force: \/.*: others may write this/)
      chmodSync(place, good)
      unlinkSync(`${grants}.touched`)
      unlinkSync(join(installation.place.descriptors, '.touched'))
      for (const [i, one] of both.entries()) {
        await one.say((l) => l.msg === 'policy loaded', taken[i]! + 1)
      }
      t.deepEqual(await ready(), { ready: true })
    }
  },
)

test.serial(
  'what a module may see and say follows its descriptor, on open connections too',
  async (t) => {
    const file = join(installation.place.descriptors, `${ID.tags}.json`)
    const whole = readFileSync(file, 'utf8')
    const certificate = await installation.place.certificate(ID.okapi)
    const tags = installation.sidecar(ID.tags)
    const talk = new Talk({ port: tags.port('ingress'), certificate })
    const ordinary = { methods: ['GET'], pathPattern: '/tags' }
    const asked = get('/tags', 'X-Okapi-Tenant: diku', 'Cookie: folioAccessToken=secret')
    const said = ['X-Okapi-Token: given', 'Set-Cookie: folioAccessToken=given', 'X-Okapi-Stop: now']
    installation.module(ID.tags).reply = () => answer('200 OK', said, 'ok')
    const outcome = async () => {
      const heard = await talk.send(asked).next()
      const seen = fields(installation.module(ID.tags).last, 'Cookie').length > 0
      const names = ['X-Okapi-Token', 'Set-Cookie', 'X-Okapi-Stop']
      return [seen, ...names.map((name) => fields(heard, name).length > 0)]
    }
    const put = async (change?: object) => {
      const count = tags.lines.filter(({ msg }) => msg === 'policy loaded').length
      const text =
        change === undefined ? whole : JSON.stringify({ ...JSON.parse(whole), ...change })
      writeFileSync(file, text, { mode: 0o644 })
      await tags.say(({ msg }) => msg === 'policy loaded', count + 1)
    }
    const nothing = [false, false, false, false]
    t.deepEqual(await outcome(), nothing)
    const login = { id: 'login', version: '7.3', handlers: [ordinary] }
    await put({ provides: [...JSON.parse(whole).provides, login] })
    t.deepEqual(await outcome(), [true, true, true, false])
    await put({ filters: [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }] })
    t.deepEqual(await outcome(), [false, true, true, true])
    await put()
    t.deepEqual(await outcome(), nothing)
    talk.close()
  },
)

test.serial('a module whose descriptor goes loses its connections to Okapi', async (t) => {
  const file = join(installation.place.descriptors, `${ID.notes}.json`)
  const whole = readFileSync(file, 'utf8')
  await installation.place.certificate(ID.notes)
  const talk = new Talk(await installation.ingress(ID.okapi, ID.notes))
  t.is(verdictOf(await talk.send(get('/notes', 'X-Okapi-Tenant: diku')).next()), '200')
  const okapi = installation.sidecar(ID.okapi)
  const count = okapi.lines.filter(({ msg }) => msg === 'policy loaded').length
  unlinkSync(file)
  await okapi.say(({ msg }) => msg === 'policy loaded', count + 1)
  t.is(await talk.end(), '')
  writeFileSync(file, whole, { mode: 0o600 })
})
