import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { StatusFacts } from '../../src/observe/status/facts.ts'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  type Message,
  OK,
  request,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

const TENANT = 'X-Okapi-Tenant: diku'
const ENFORCE = { caller: 'enforce' }
/** Hears what was answered: Okapi writes to it while it answers, and may be late. */
const AUDIT = {
  id: 'mod-audit-1.0.0',
  filters: [{ methods: ['*'], pathPattern: '/*', phase: 'post', type: 'request-log' }],
}
const REFUSED = '403 caller-not-allowed'
const TIMER = 'POST /users/expire/timer'

/** An exchange that Okapi has open. */
interface Open {
  readonly handle: string
  /** The line as Okapi was given it. */
  readonly line: string
  /** Okapi answers it; resolves to what its caller was answered. */
  end(): Promise<string>
}

/** The ways between sidecars, and the threads of Okapi's. */
const WAYS = [
  { name: 'links', more: {} },
  { name: 'HTTP/1.1 and two threads', more: { link: false, workers: 2 } },
] as const

let installation: Installation
test.after.always(() => installation?.close())

for (const { name, more } of WAYS) {
  test.serial(`${name}: an installation opens`, async (t) => {
    if (installation !== undefined) await installation.close()
    const enforcing = { ...more, policy: ENFORCE }
    const workers = 'workers' in more ? { ...more, workers: 1 } : more
    const modules = { ...workers, policy: ENFORCE }
    installation = await Installation.open({
      descriptors: [AUDIT],
      modules: [ID.notes, ID.inventory, ID.users, ID.authtoken, AUDIT.id],
      more: {
        [ID.okapi]: enforcing,
        [ID.users]: modules,
        [ID.authtoken]: modules,
        [AUDIT.id]: modules,
        [ID.notes]: { ...workers, policy: { caller: 'report' } },
        [ID.inventory]: workers,
      },
    })
    t.pass()
  })

  /** Has a module ask Okapi, which answers when it is told to. */
  async function open(from: string, text: string): Promise<Open> {
    const asked = Promise.withResolvers<Message>()
    const told = Promise.withResolvers<string>()
    installation.okapi.reply = (message) => {
      asked.resolve(message)
      return told.promise
    }
    const answered = ask(installation.egress(from), text)
    const handle = field(await asked.promise, 'X-Sidecar-Exchange') ?? ''
    installation.okapi.reply = OK
    return {
      handle,
      line: `X-Sidecar-Exchange: ${handle}`,
      async end() {
        told.resolve(answer('200 OK', [], 'ended'))
        return verdictOf(await answered)
      },
    }
  }

  /** What Okapi is answered when it asks a module this. */
  async function calls(id: string, start: string, ...lines: readonly string[]): Promise<string> {
    const [method, target] = start.split(' ')
    return verdictOf(await ask(installation.modules, request(`${method} /${id}${target}`, lines)))
  }

  test.serial(
    `${name}: the module sees neither handle nor caller, both logs name it`,
    async (t) => {
      const users = installation.module(ID.users)
      const notes = await open(ID.notes, get('/users/1?a=%2F', TENANT))
      t.regex(notes.handle, /^[0-9a-f]{38}$/)
      const id = 'X-Okapi-Request-Id: 2/a'
      t.is(await calls(ID.users, 'GET /users/1?a=%2F', TENANT, id, notes.line), '200')
      const told = users.last.lines.filter((line) => !/^(traceparent|host):/i.test(line))
      t.deepEqual(told, [TENANT, id])
      for (const at of [ID.okapi, ID.users]) {
        t.like(await installation.sidecar(at).exchange('2/a'), {
          caller: ID.okapi,
          onBehalfOf: ID.notes,
        })
      }
      t.is(await notes.end(), '200')
    },
  )

  test.serial(
    `${name}: each step of the pipeline may use the handle, the auth filter too`,
    async (t) => {
      const notes = await open(ID.notes, get('/users/1', TENANT))
      for (const id of [ID.authtoken, ID.users, ID.users]) {
        t.is(await calls(id, 'GET /users/1', TENANT, notes.line), '200', id)
      }
      t.is(await notes.end(), '200')
    },
  )

  test.serial(`${name}: nothing about an open exchange may be changed`, async (t) => {
    const notes = await open(ID.notes, get('/users/1?query=a', TENANT))
    const inventory = await open(
      ID.inventory,
      request('DELETE /users/2', ['X-Okapi-Tenant: other']),
    )
    const users = installation.module(ID.users)
    users.forget()
    const wrong: readonly (readonly [string, ...string[]])[] = [
      ['GET /users/1?query=a', 'X-Okapi-Tenant: other', notes.line],
      ['GET /users/1?query=a', 'X-Okapi-Tenant: Diku', notes.line],
      ['GET /users/1?query=a', notes.line],
      ['GET /users/2?query=a', TENANT, notes.line],
      ['GET /users/1?query=b', TENANT, notes.line],
      ['GET /users/1?query=', TENANT, notes.line],
      ['GET /users/1', TENANT, notes.line],
      ['GET /users', TENANT, notes.line],
      ['DELETE /users/1?query=a', TENANT, notes.line],
      // Handles, tenants and paths of two exchanges, each mixed with the other's.
      ['GET /users/1?query=a', TENANT, inventory.line],
      ['DELETE /users/2', 'X-Okapi-Tenant: other', notes.line],
      ['DELETE /users/2', TENANT, inventory.line],
      ['DELETE /users/1?query=a', 'X-Okapi-Tenant: other', inventory.line],
      ['GET /users/2', 'X-Okapi-Tenant: other', inventory.line],
    ]
    for (const [start, ...lines] of wrong) {
      t.is(await calls(ID.users, start, ...lines), REFUSED, `${start} ${lines}`)
    }
    t.is(await calls(ID.authtoken, 'GET /users/2', TENANT, notes.line), REFUSED)
    t.deepEqual(users.requests, [])
    t.is(await calls(ID.users, 'GET /users/1?query=a', TENANT, notes.line), '200')
    t.is(await calls(ID.users, 'DELETE /users/2', 'X-Okapi-Tenant: other', inventory.line), '200')
    t.is(await notes.end(), '200')
    t.is(await inventory.end(), '200')
  })

  test.serial(`${name}: a handle dies with its exchange, and no other is ever one`, async (t) => {
    const notes = await open(ID.notes, get('/users/1', TENANT))
    const { handle } = notes
    const users = installation.module(ID.users)
    users.forget()
    const spoilt = [
      handle.toUpperCase(),
      `${handle}0`,
      handle.slice(1),
      ` ${handle.slice(0, 36)}`,
      `0x${handle.slice(2)}`,
      `"${handle}"`,
      handle.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      '0'.repeat(38),
      'f'.repeat(38),
      `${'0'.repeat(6)}${handle.slice(6).split('').reverse().join('')}`,
      '',
    ]
    for (const value of spoilt) {
      const line = `X-Sidecar-Exchange: ${value}`
      t.is(await calls(ID.users, 'GET /users/1', TENANT, line), REFUSED, value)
    }
    const twice = await calls(ID.users, 'GET /users/1', TENANT, notes.line, notes.line)
    t.is(twice, '400 ambiguous-header')
    const alias = `X_Sidecar_Exchange: ${handle}`
    t.is(await calls(ID.users, 'GET /users/1', TENANT, alias), '400 ambiguous-header')
    t.is(await calls(ID.users, 'GET /users/1', TENANT), REFUSED, 'dropped')
    t.deepEqual(users.requests, [])
    t.is(await calls(ID.users, 'GET /users/1', TENANT, notes.line), '200')
    t.is(await notes.end(), '200')
    t.is(await calls(ID.users, 'GET /users/1', TENANT, notes.line), REFUSED, 'replayed')
    const next = await open(ID.notes, get('/users/1', TENANT))
    t.is(
      await calls(ID.users, 'GET /users/1', TENANT, notes.line),
      REFUSED,
      'while another is open',
    )
    t.is(await next.end(), '200')
  })

  test.serial(`${name}: a caller that goes away takes its handle along`, async (t) => {
    const asked = Promise.withResolvers<Message>()
    installation.okapi.reply = (message) => {
      asked.resolve(message)
      return new Promise(() => {})
    }
    const talk = new Talk(installation.egress(ID.notes)).send(
      get('/users/1', TENANT, 'X-Okapi-Request-Id: 7/gone'),
    )
    const line = `X-Sidecar-Exchange: ${field(await asked.promise, 'X-Sidecar-Exchange')}`
    t.is(await calls(ID.users, 'GET /users/1', TENANT, line), '200')
    talk.socket.resetAndDestroy()
    await installation.sidecar(ID.okapi).exchange('7/gone')
    t.is(await calls(ID.users, 'GET /users/1', TENANT, line), REFUSED)
    installation.okapi.reply = OK
  })

  test.serial(
    `${name}: Okapi itself calls system routes, and asks the filter about them`,
    async (t) => {
      const notes = await open(ID.notes, get('/users/1', TENANT))
      const dead = notes.line
      t.is(await notes.end(), '200')
      for (const lines of [[TENANT], [TENANT, dead], [TENANT, 'X-Sidecar-Exchange: nonsense']]) {
        for (const id of [ID.users, ID.authtoken]) {
          t.is(await calls(id, TIMER, ...lines), '200', `${id} ${lines}`)
          t.is(await calls(id, 'POST /_/tenant', ...lines), '200', `${id} ${lines}`)
          t.is(await calls(id, 'DELETE /_/tenant/1', ...lines), '200', `${id} ${lines}`)
        }
      }
      const id = 'X-Okapi-Request-Id: 3/timer'
      t.is(await calls(ID.users, TIMER, TENANT, id), '200')
      for (const at of [ID.okapi, ID.users]) {
        t.is((await installation.sidecar(at).exchange('3/timer'))['onBehalfOf'], 'okapi')
      }
      t.is(await calls(ID.authtoken, 'GET /users/1', TENANT), REFUSED)
      t.is(await calls(ID.authtoken, 'POST /token', TENANT), REFUSED)
      t.is(verdictOf(await ask(installation.modules, get(`/${ID.users}`))), '200')
    },
  )

  test.serial(
    `${name}: a post filter hears of an exchange, late too, and may not be asked as anyone`,
    async (t) => {
      const notes = await open(ID.notes, get('/users/1', TENANT))
      const asks = (request: string, line: string) =>
        calls(AUDIT.id, 'GET /users/1', TENANT, `X-Okapi-Request-Id: ${request}`, line)
      t.is(await asks('6/open', notes.line), '200')
      t.is(await notes.end(), '200')
      t.is(await asks('6/late', notes.line), '200')
      for (const at of [ID.okapi, AUDIT.id]) {
        t.is((await installation.sidecar(at).exchange('6/open'))['onBehalfOf'], ID.notes)
        t.is((await installation.sidecar(at).exchange('6/late'))['onBehalfOf'], 'unknown')
      }
    },
  )

  test.serial(`${name}: a caller that Okapi names itself counts for nothing`, async (t) => {
    const notes = await open(ID.notes, get('/users/1', TENANT))
    const forged = 'X-Sidecar-Caller: mod-inventory-22.1.0'
    const id = 'X-Okapi-Request-Id: 4/forged'
    t.is(await calls(ID.users, 'GET /users/1', TENANT, id, forged, notes.line), '200')
    t.is((await installation.sidecar(ID.users).exchange('4/forged'))['onBehalfOf'], ID.notes)
    t.is(await notes.end(), '200')
  })

  test.serial(
    `${name}: Okapi’s key alone, past its sidecar, must name a caller that may`,
    async (t) => {
      const users = installation.module(ID.users)
      users.forget()
      const where = await installation.ingress(ID.users, ID.okapi)
      const asks = async (...lines: readonly string[]) =>
        verdictOf(await ask(where, get('/users/1', TENANT, ...lines)))
      t.is(await asks(), REFUSED)
      t.is(await asks('X-Sidecar-Caller: unknown'), REFUSED)
      t.is(await asks('X-Sidecar-Caller: okapi'), REFUSED)
      t.is(await asks('X-Sidecar-Caller: none'), REFUSED)
      t.is(await asks('X-Sidecar-Caller: Okapi'), REFUSED)
      t.is(await asks(`X-Sidecar-Caller: ${ID.notes}, ${ID.notes}`), REFUSED)
      t.is(await asks('X-Sidecar-Caller: operator/anna'), REFUSED)
      t.is(await asks(`X-Sidecar-Caller: ${ID.tags}`), '403 interface-not-required')
      t.deepEqual(users.requests, [])
      t.is(await asks(`X-Sidecar-Caller: ${ID.notes}`), '200')
      t.is(await asks('X-Sidecar-Caller: public'), '200')
      t.deepEqual(
        users.last.lines.filter((line) => /sidecar/i.test(line)),
        [],
      )
    },
  )

  test.serial(`${name}: a module that says it is refused, whatever it says`, async (t) => {
    const okapi = await installation.ingress(ID.okapi, ID.notes)
    for (const line of [
      `X-Sidecar-Caller: ${ID.inventory}`,
      `X-Sidecar-Exchange: ${'0'.repeat(38)}`,
    ]) {
      t.is(verdictOf(await ask(okapi, get('/users/1', TENANT, line))), '403 forbidden-header')
      t.is(
        verdictOf(await ask(installation.egress(ID.notes), get('/users/1', TENANT, line))),
        '200',
      )
      const said = installation.okapi.last.lines.filter((each) => /sidecar/i.test(each))
      t.is(said.length, 1)
      t.false(said[0]!.includes(line))
    }
  })

  test.serial(`${name}: report lets it pass, and says what would be refused`, async (t) => {
    const where = await installation.ingress(ID.notes, ID.okapi)
    const lines = [TENANT, 'X-Okapi-Request-Id: 5/report', 'X-Sidecar-Caller: unknown']
    t.is(verdictOf(await ask(where, get('/notes', ...lines))), '200')
    const line = await installation.sidecar(ID.notes).exchange('5/report')
    t.like(line, { onBehalfOf: 'unknown', wouldDeny: 'caller-not-allowed' })
    t.regex(line.because ?? '', /does not say who asked/)
  })

  test.serial(
    `${name}: new certificates and a new policy leave an open exchange as it is`,
    async (t) => {
      const where = await installation.ingress(ID.users, ID.okapi)
      const asks = async (id: string) =>
        verdictOf(await ask(where, get('/users/1', TENANT, `X-Sidecar-Caller: ${id}`)))
      t.is(await asks('mod-new-1.0.0'), REFUSED)
      const notes = await open(ID.notes, get('/users/1', TENANT))
      const sidecars = [ID.okapi, ID.users].map((id) => installation.sidecar(id))
      const told = (msg: string) =>
        sidecars.map(({ lines }) => lines.filter((line) => line.msg === msg).length)
      const after = (msg: string, before: readonly number[]) =>
        Promise.all(sidecars.map((one, i) => one.say((line) => line.msg === msg, before[i]! + 1)))
      const policies = told('policy loaded')
      const users = { id: 'users', version: '16.0' }
      const descriptor = JSON.stringify({ id: 'mod-new-1.0.0', requires: [users] })
      const file = join(installation.place.descriptors, 'mod-new-1.0.0.json')
      await writeFile(file, descriptor, { mode: 0o644 })
      await after('policy loaded', policies)
      const generations = told('credentials loaded')
      for (const { id } of sidecars) await installation.place.certificate(id)
      await after('credentials loaded', generations)
      t.is(await calls(ID.users, 'GET /users/1', TENANT, notes.line), '200')
      t.is(await calls(ID.users, 'GET /users/2', TENANT, notes.line), REFUSED)
      t.is(await asks('mod-new-1.0.0'), '200')
      t.is(await notes.end(), '200')
      t.is(await calls(ID.users, 'GET /users/1', TENANT, notes.line), REFUSED)
    },
  )

  test.serial(`${name}: metrics and the status page tell of it`, async (t) => {
    const text = async (id: string) => {
      const admin = installation.sidecar(id).port('admin')
      return (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
    }
    const count = (metrics: string, outcome: string) => {
      const line = new RegExp(`^sidecar_true_callers_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm')
      return Number(line.exec(metrics)?.[1] ?? Number.NaN)
    }
    const okapi = await text(ID.okapi)
    const misfits = ['no-handle', 'malformed-handle', 'no-exchange']
    for (const outcome of [
      'caller',
      'okapi',
      ...misfits,
      'other-tenant',
      'other-method',
      'other-target',
    ]) {
      t.true(count(okapi, outcome) > 0, outcome)
    }
    const users = await text(ID.users)
    for (const outcome of ['caller', 'okapi', 'unknown']) t.true(count(users, outcome) > 0, outcome)
    const status = `http://127.0.0.1:${installation.sidecar(ID.users).port('status')}/status.json`
    const { peers, refusals } = (await (await fetch(status)).json()) as StatusFacts
    const seen = peers.map((peer) => peer.name)
    t.true(seen.includes(`${ID.notes} through Okapi`), seen.join())
    t.true(refusals.some(({ caller }) => caller === `${ID.okapi} for ${ID.tags}`))
  })
}
