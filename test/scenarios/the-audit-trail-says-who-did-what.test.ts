import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { entriesOf, entryWith, verifyTrail } from '../support/audit-trail.ts'
import { until } from '../support/patience.ts'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  request,
  Talk,
  token,
  verdictOf,
} from '../support/scenario.ts'

// Interface `users` is highly sensitive, mod-notes has a grant for `tags`, and anna administers Okapi. Okapi's
// sidecar waits for its entries (block), that of mod-notes only counts.

let installation: Installation
let okapiTrail = ''
let notesTrail = ''
let grants = ''

const T = 'X-Okapi-Tenant: diku'

test.before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'))
  okapiTrail = join(folder, 'okapi.log')
  notesTrail = join(folder, 'notes.log')
  grants = join(folder, 'grants.json')
  writeFileSync(grants, JSON.stringify(rules('mod-notes')), { mode: 0o600 })
  const policy = { grants, sensitivity: { users: 'high' } }
  installation = await Installation.open({
    modules: [ID.notes, ID.tags],
    more: {
      [ID.okapi]: { policy, audit: { to: okapiTrail } },
      [ID.notes]: { policy, audit: { to: notesTrail, whenUnwritable: 'count' } },
    },
  })
})
test.beforeEach(() => installation.okapi.forget())
test.after.always(() => installation?.close())

const rules = (caller: string) => [
  { caller, at: 'okapi', interface: 'tags', why: 'a test' },
  { caller: 'operator/anna', at: 'okapi', profile: 'daily', why: 'administers' },
]

/** At once: half of a file would be a policy of its own. */
function replaceGrants(text: string): void {
  writeFileSync(`${grants}.next`, text, { mode: 0o600 })
  renameSync(`${grants}.next`, grants)
}

const asNotes = (text: string) => ask(installation.egress(ID.notes), text)
const id = (name: string) => `X-Okapi-Request-Id: ${name}`

test.serial(
  'a highly sensitive interface: who asked for what, before it goes on, and how it ended',
  async (t) => {
    let began: number | undefined
    installation.okapi.reply = () => {
      began = entriesOf(okapiTrail).find((entry) => entry['requestId'] === 'r1')?.seq
      return answer('200 OK', [], 'ok')
    }
    t.is(verdictOf(await asNotes(get('/users/42?query=secret', T, id('r1')))), '200')
    // Okapi saw the request only when its entry was there.
    t.truthy(began)
    const [first] = entriesOf(okapiTrail).filter(({ seq }) => seq === began)
    t.like(first, {
      kind: 'exchange',
      phase: 'began',
      module: ID.okapi,
      direction: 'ingress',
      caller: ID.notes,
      at: 'okapi',
      provider: ID.users,
      interface: 'users',
      sensitivity: 'high',
      method: 'GET',
      route: '/users/{id}',
      tenant: 'diku',
      rule: { kind: 'requires', file: 'mod-notes-8.1.0.json', pointer: '/requires/0' },
    })
    const end = await entryWith(okapiTrail, { phase: 'ended', of: began })
    t.like(end, { kind: 'exchange', status: 200, outcome: 'answered', requestId: 'r1' })
    // Where it is only counted there is one entry, at the end.
    const counted = await entryWith(notesTrail, { requestId: 'r1' })
    t.like(counted, { kind: 'exchange', direction: 'egress', caller: ID.notes, status: 200 })
    t.is(counted['phase'], undefined)
  },
)

test.serial('a body crosses whole, however it comes', async (t) => {
  installation.okapi.reply = ({ body }) => answer('200 OK', [], `${body.length}`)
  const body = 'x'.repeat(300_000)
  const reply = await asNotes(request('POST /users', [T, id('r2')], body))
  t.is(reply.body, '300000')
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(`POST /users HTTP/1.1\r\nHost: a\r\n${T}\r\nTransfer-Encoding: chunked\r\n\r\n`)
  for (const part of ['one', 'two', 'three']) {
    talk.send(`${part.length.toString(16)}\r\n${part}\r\n`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  talk.send('0\r\n\r\n')
  t.is((await talk.next()).body, '11')
  talk.send(get('/users/1', T))
  t.is((await talk.next()).body, '0')
  talk.close()
})

test.serial('many at once, on one connection and on many', async (t) => {
  installation.okapi.reply = () => answer('200 OK', [], 'ok')
  const before = entriesOf(okapiTrail).length
  const talks = Array.from({ length: 10 }, () => new Talk(installation.egress(ID.notes)))
  for (const talk of talks) talk.send(get('/users/1', T).repeat(10))
  for (const talk of talks) for (let i = 0; i < 10; i++) t.is(verdictOf(await talk.next()), '200')
  for (const talk of talks) talk.close()
  await entryWith(okapiTrail, { seq: before + 200 })
})

test.serial('a grant that is used, and what no entry is about', async (t) => {
  t.is(verdictOf(await asNotes(get('/tags/1', T, id('r3')))), '200')
  t.like(await entryWith(okapiTrail, { requestId: 'r3', phase: 'began' }), {
    kind: 'grant',
    interface: 'tags',
    rule: { kind: 'grant', file: grants, pointer: '/0' },
  })
  t.is(verdictOf(await asNotes(get('/notes/1', T, id('r4')))), '200')
  await entryWith(okapiTrail, { requestId: 'r3', phase: 'ended' })
  t.is(entriesOf(okapiTrail).filter((entry) => entry['requestId'] === 'r4').length, 0)
})

test.serial('administration by an operator, and one that a module tried', async (t) => {
  await installation.place.certificate('operator/anna')
  const anna = await installation.ingress(ID.okapi, 'operator/anna')
  await ask(anna, request('POST /_/proxy/tenants/diku/install', [id('r5')], '[]'))
  t.like(await entryWith(okapiTrail, { requestId: 'r5', phase: 'began' }), {
    kind: 'administration',
    caller: 'operator/anna',
    method: 'POST',
    route: '/_/proxy/tenants/{tenantId}/install',
  })
  const notes = await installation.ingress(ID.okapi, ID.notes)
  t.is(verdictOf(await ask(notes, get('/_/proxy/modules', T, id('r6')))), '403 admin-route')
  t.like(await entryWith(okapiTrail, { requestId: 'r6' }), {
    kind: 'administration',
    caller: ID.notes,
    status: 403,
    reason: 'admin-route',
  })
})

test.serial(
  'refusals have an entry too, and of a flood of them the rest is a number',
  async (t) => {
    const tags = await installation.ingress(ID.okapi, ID.tags)
    const talk = new Talk(tags)
    for (let i = 0; i < 100; i++) talk.send(get('/users/42', T, id('flood')))
    for (let i = 0; i < 100; i++) t.is(verdictOf(await talk.next()), '403 interface-not-required')
    talk.close()
    const refused = () => entriesOf(okapiTrail).filter(({ caller }) => caller === ID.tags)
    // The next that has an entry says how many have none.
    let asked = 100
    const later = () => refused().find((entry) => Number(entry['requestId']) > 100)
    await until(async () => {
      asked++
      await ask(tags, get('/users/42', T, id(`${asked}`)))
      return later() !== undefined
    })
    const all = refused().filter(({ seq }) => seq <= later()!.seq)
    t.true(all.length >= 32 && all.length < 100, `${all.length}`)
    t.like(all[0], { kind: 'exchange', reason: 'interface-not-required', status: 403 })
    const told = all.reduce((sum, entry) => sum + 1 + Number(entry['unrecorded'] ?? 0), 0)
    t.is(told, Number(later()!['requestId']))
  },
)

test.serial('no token, no query and no control character is in it', async (t) => {
  const secret = token({ sub: 'anna', tenant: 'diku' })
  const bearer = `X-Okapi-Token: ${secret}`
  await asNotes(get('/users/1?password=hunter2', T, bearer, id(`1/${secret}`)))
  await asNotes(get('/users/1', T, id('caf\xe9 \x85 "} \\')))
  const entry = await entryWith(okapiTrail, { requestId: 'caf\xe9 \x85 "} \\', phase: 'ended' })
  t.is(entry['status'], 200)
  for (const file of [okapiTrail, notesTrail]) {
    const text = JSON.stringify(entriesOf(file))
    t.false(
      text.includes(secret) || text.includes(secret.split('.')[1]!) || text.includes('hunter2'),
    )
    t.regex(text, /\[masked\]/)
  }
})

test.serial('a caller that goes away while Okapi works', async (t) => {
  const arrived = Promise.withResolvers<void>()
  installation.okapi.reply = () => {
    arrived.resolve()
    return null
  }
  const talk = new Talk(installation.egress(ID.notes))
  talk.send(get('/users/1', T, id('gone')))
  await arrived.promise
  talk.socket.resetAndDestroy()
  const end = await entryWith(okapiTrail, { requestId: 'gone', phase: 'ended' })
  t.like(end, { status: 0, outcome: 'caller-gone' })
  installation.okapi.reply = () => answer('200 OK', [], 'ok')
})

test.serial('another policy: its hash, and what changed', async (t) => {
  replaceGrants(JSON.stringify(rules('mod-tags')))
  const [before] = entriesOf(okapiTrail)
  const entry = await entryWith(okapiTrail, { kind: 'policy', result: 'ok' })
  t.is(entry['before'], before!['policy'])
  t.not(entry['policy'], entry['before'])
  t.like(entry['changed'], {
    grants: {
      added: [JSON.stringify(rules('mod-tags')[0])],
      removed: [JSON.stringify(rules('mod-notes')[0])],
    },
  })
  replaceGrants('[{"caller": 1}]')
  t.like(await entryWith(okapiTrail, { kind: 'policy', result: 'failed' }), {
    policy: entry['policy'],
  })
})

test.serial('metrics and the status page tell how far it is', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const page = await (await fetch(`http://127.0.0.1:${okapi.port('admin')}/metrics`)).text()
  t.regex(page, /^sidecar_audit_entries_total\{kind="grant"\} [1-9]/m)
  t.regex(page, /^sidecar_audit_lost_total 0$/m)
  t.regex(page, /^sidecar_audit_unwritable 0$/m)
  t.regex(page, /^sidecar_audit_sequence [1-9]/m)
  const tags = await (
    await fetch(`http://127.0.0.1:${installation.sidecar(ID.tags).port('admin')}/metrics`)
  ).text()
  t.notRegex(tags, /sidecar_audit/)
  const status = await fetch(`http://127.0.0.1:${okapi.port('status')}/status.json`)
  const { audit } = (await status.json()) as { audit: { head: string; to: string } }
  t.is(audit.to, okapiTrail)
  t.regex(audit.head, /^\d+:[0-9a-f]{64}$/)
})

test.serial('a stop is the last entry, and all that was logged as a head is there', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  okapi.signal('SIGUSR2')
  await entryWith(okapiTrail, { kind: 'administration', act: 'leave' })
  t.is(await okapi.stop(), 0)
  const entries = entriesOf(okapiTrail)
  t.like(entries.at(-1), { kind: 'stop', how: 'drained' })
  t.like(entries.at(-2), { kind: 'administration', act: 'stop', signal: 'SIGTERM' })
  for (const entry of readFileSync(okapiTrail, 'latin1').trimEnd().split('\n')) {
    // No name stands twice in a line.
    if (!entry.includes('\\u')) t.is(JSON.stringify(JSON.parse(entry)), entry)
  }
  const heads = okapi.lines.filter(({ msg }) => msg === 'audit head')
  t.is(heads.at(-1)?.['head'], `${entries.at(-1)!.seq}:${entries.at(-1)!.hash}`)
  const { code, stderr, stdout } = await verifyTrail(
    okapiTrail,
    '--head',
    String(heads.at(-1)?.['head']),
  )
  t.is(code, 0, stderr)
  t.regex(stdout, /, 1 start\n/)
})
