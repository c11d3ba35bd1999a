import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { metric } from '../support/scenario/metrics.ts'
import { ask, get, ID, Installation, Place, token, verdictOf } from '../support/scenario.ts'

// `mod-consortia` here does what the real one does (TenantContextUtils): it changes X-Okapi-Tenant and
// keeps the token. Its sidecar and Okapi's have two threads each, and are processes of their own.

const CONSORTIA = 'mod-consortia-1.1.0'
const DESCRIPTOR = {
  id: CONSORTIA,
  requires: [{ id: 'users', version: '16.0' }],
  provides: [
    {
      id: 'consortia',
      version: '1.1',
      handlers: [{ methods: ['GET'], pathPattern: '/consortia', permissionsRequired: [] }],
    },
  ],
}
const MEMBERS = { central: 'east', members: ['college', 'university'] }
const CROSS = { caller: 'mod-consortia', directions: ['central-to-member'], why: 'affiliations' }

let installation: Installation
let place: Place
let file: string

const yaml = (members: object, rule: object) =>
  `consortia:\n  - ${JSON.stringify(members)}\ncross:\n  - ${JSON.stringify(rule)}\n`

test.before(async () => {
  place = await Place.make()
  file = await place.file('consortia.yaml', yaml(MEMBERS, CROSS))
  const policy = { consortia: file, withoutToken: 'serving' }
  const two = { policy, workers: 2 }
  const more = { [CONSORTIA]: two, [ID.okapi]: two, [ID.notes]: { policy } }
  const modules = [CONSORTIA, ID.notes]
  installation = await Installation.open({
    modules,
    more,
    descriptors: [DESCRIPTOR],
    processes: true,
  })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(async () => {
  await installation?.close()
  await place?.close()
})

const T = (tenant: string) => `X-Okapi-Tenant: ${tenant}`
const OF = (tenant: string) => `X-Okapi-Token: ${token({ tenant, sub: 'anna', user_id: 'u1' })}`

/** From a module, by its own sidecar. Each call is a connection, which either thread may get. */
async function calls(id: string, ...lines: string[]): Promise<string> {
  return verdictOf(await ask(installation.egress(id), get('/users/1', ...lines)))
}

/** With the module's key, past its own sidecar. */
async function stolen(id: string, ...lines: string[]): Promise<string> {
  return verdictOf(await ask(await installation.ingress(ID.okapi, id), get('/users/1', ...lines)))
}

/** Okapi asks the module for something. */
async function okapiCalls(id: string, path: string, ...lines: string[]): Promise<string> {
  return verdictOf(await ask(installation.modules, get(`/${id}${path}`, ...lines)))
}

test.serial('a module that may cross does so in its direction, and in no other', async (t) => {
  t.is(await calls(CONSORTIA, T('college'), OF('east')), '200')
  t.deepEqual(installation.okapi.last.lines.filter((line) => line === T('college')).length, 1)
  installation.okapi.forget()
  t.is(await calls(CONSORTIA, T('east'), OF('college')), '403 tenant-mismatch')
  t.is(await calls(CONSORTIA, T('university'), OF('college')), '403 tenant-mismatch')
  t.is(await calls(CONSORTIA, T('stranger'), OF('east')), '403 tenant-mismatch')
  t.is(await calls(CONSORTIA, T('supertenant'), OF('east')), '403 tenant-not-allowed')
  t.is(await calls(CONSORTIA, T('east'), OF('supertenant')), '403 tenant-mismatch')
  t.is(installation.okapi.bytes, '')
})

test.serial(
  'another module that fills its role crosses nowhere, with its sidecar or without',
  async (t) => {
    t.is(await calls(ID.notes, T('college'), OF('east')), '403 tenant-mismatch')
    t.is(await stolen(ID.notes, T('college'), OF('east')), '403 tenant-mismatch')
    // With a token that it harvested from another tenant, for its own and for the other one.
    t.is(await calls(ID.notes, T('diku'), OF('stranger')), '403 tenant-mismatch')
    t.is(await stolen(ID.notes, T('stranger'), OF('diku')), '403 tenant-mismatch')
    t.is(installation.okapi.bytes, '')
    t.is(await calls(ID.notes, T('diku'), OF('diku')), '200')
    t.is(await calls(ID.notes, OF('diku')), '200', 'Okapi takes the tenant of the token')
  },
)

test.serial('without a token it acts for tenants for which Okapi has called it', async (t) => {
  for (const tenant of ['diku', 'college']) {
    t.is(await calls(ID.notes, T(tenant)), '403 tenant-not-allowed')
    t.is(await stolen(ID.notes, T(tenant)), '403 tenant-not-allowed')
    t.is(await calls(CONSORTIA, T(tenant)), '403 tenant-not-allowed')
  }
  t.is(installation.okapi.bytes, '')
  t.is(await okapiCalls(ID.notes, '/notes', T('diku')), '200')
  // Whichever thread of Okapi's sidecar saw it, all know it.
  for (let i = 0; i < 8; i++) {
    t.is(await calls(ID.notes, T('diku')), '200')
    t.is(await stolen(ID.notes, T('diku')), '200')
    t.is(await calls(ID.notes, T('college')), '403 tenant-not-allowed')
    t.is(await stolen(ID.notes, T('college')), '403 tenant-not-allowed')
    t.is(await calls(CONSORTIA, T('diku')), '403 tenant-not-allowed', 'of another module')
  }
  t.is(await okapiCalls(CONSORTIA, '/consortia', T('college')), '200')
  for (let i = 0; i < 8; i++) t.is(await calls(CONSORTIA, T('college')), '200')
})

test.serial('what Okapi refuses to ask makes no tenant served', async (t) => {
  t.is(await okapiCalls(ID.notes, '/nothing', T('university')), '403 route-not-declared')
  t.is(await okapiCalls(ID.notes, '/', T('university')), '200', 'a question of health')
  t.is(await okapiCalls(ID.notes, '/notes', T('uni, versity')), '200', 'Okapi is not judged')
  t.is(await calls(ID.notes, T('university')), '403 tenant-not-allowed')
  t.is(await stolen(ID.notes, T('university')), '403 tenant-not-allowed')
})

test.serial(
  'a module hands on the token of a caller that has crossed, for that tenant only',
  async (t) => {
    t.is(await calls(ID.notes, T('college'), OF('east')), '403 tenant-mismatch')
    t.is(await okapiCalls(ID.notes, '/notes', T('college'), OF('east')), '200')
    t.is(await calls(ID.notes, T('college'), OF('east')), '200')
    t.is(await calls(ID.notes, T('university'), OF('east')), '403 tenant-mismatch')
    t.is(await calls(ID.notes, T('east'), OF('college')), '403 tenant-mismatch')
    // What Okapi brings across no consortium is not handed on.
    t.is(await okapiCalls(ID.notes, '/notes', T('diku'), OF('stranger')), '200')
    t.is(await calls(ID.notes, T('diku'), OF('stranger')), '403 tenant-mismatch')
  },
)

test.serial(
  'a file of consortia is taken up while everything runs, a broken one is not',
  async (t) => {
    const all = [CONSORTIA, ID.notes, ID.okapi].map((id) => installation.sidecar(id))
    const write = async (text: string, msg: 'policy loaded' | 'new policy refused') => {
      const before = all.map(({ lines }) => lines.filter((line) => line.msg === msg).length)
      writeFileSync(file, text, { mode: 0o600 })
      await Promise.all(all.map((one, i) => one.say((line) => line.msg === msg, before[i]! + 1)))
    }
    const [reversed, okapi] = [{ ...CROSS, directions: ['member-to-central'] }, all[2]!]
    await write(yaml(MEMBERS, reversed), 'policy loaded')
    t.is(await calls(CONSORTIA, T('college'), OF('east')), '403 tenant-mismatch')
    t.is(await calls(CONSORTIA, T('east'), OF('college')), '200')

    const broken = yaml({ ...MEMBERS, members: ['college', 'college'] }, CROSS)
    await write(broken, 'new policy refused')
    t.is(await calls(CONSORTIA, T('east'), OF('college')), '200')
    const line = okapi.lines.findLast(({ msg }) => msg === 'new policy refused')
    t.deepEqual(line?.problems, [`${file}:2:44: tenant college is listed twice here`])
    t.is(await metric(okapi, 'sidecar_policy_reload_total{result="failed"}'), 1)
    const ready = `http://127.0.0.1:${okapi.port('admin')}/ready`
    const { remarks } = (await (await fetch(ready)).json()) as { remarks?: { policy?: string } }
    t.true(remarks?.policy?.includes('consortia.yaml:2:44: tenant college is listed twice here'))

    await write('consortia: []\n', 'policy loaded')
    t.is(await calls(CONSORTIA, T('east'), OF('college')), '403 tenant-mismatch')
    await write(yaml(MEMBERS, CROSS), 'policy loaded')
    t.is(await calls(CONSORTIA, T('college'), OF('east')), '200')
  },
)

test.serial('report mode lets it pass and tells of it', async (t) => {
  const reporting = { consortia: file, withoutToken: 'serving', tenants: 'report' }
  const sidecar = await installation.place.sidecar(ID.tags, {
    egress: { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${installation.cable.port}` },
    policy: {
      ...reporting,
      grants: [{ caller: 'mod-tags', at: 'okapi', interface: 'users', why: 'a test' }],
    },
  })
  t.teardown(() => sidecar.stop())
  const port = sidecar.port('egress')
  const id = 'X-Okapi-Request-Id: reported'
  // Okapi's own sidecar refuses it: mod-tags has no grant there.
  await ask(port, get('/users/1', id, T('college'), OF('east')))
  const line = await sidecar.exchange('reported')
  t.is(line['wouldDeny'], 'tenant-mismatch')
  t.regex(
    String(line['because']),
    /^mod-tags-3\.1\.0 may not act for tenant college with a token of/,
  )
  t.is(await metric(sidecar, 'sidecar_would_deny_total{direction="egress"}'), 1)
  // One value and a name of a tenant, whatever the mode.
  const odd = get('/users/1', T('college, east'), OF('east'))
  t.is(verdictOf(await ask(port, odd)), '403 tenant-not-allowed')
  t.is(await metric(sidecar, 'sidecar_would_deny_total{direction="egress"}'), 1)
})

test('a configuration whose file of consortia is not there starts nothing', async (t) => {
  const missing = join(place.directory, 'nowhere.yaml')
  const failing = place.sidecar(ID.notes, {
    egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
    policy: { consortia: missing },
  })
  await t.throwsAsync(failing, { message: /nowhere\.yaml: cannot read the consortia \(ENOENT\)/ })
})
