import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { metric, metricsOf } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  Installation,
  OK,
  type Sidecar,
  token,
  verdictOf,
} from '../support/scenario.ts'

// Whatever callers call themselves and others, the number of series is what it was; and each exchange
// says who asked, who answered and, where an interface is to be watched, for which user.

const T = 'X-Okapi-Tenant: diku'
const HOSTILE = 20_000
const AT_ONCE = 500

let installation: Installation

test.before(async () => {
  const policy = { sensitivity: { users: 'high', tags: 'low' } }
  // A hundred thousand refusals are to come as fast as they can.
  const flooded = { policy, limits: { refusalsPerSecond: 0 } }
  const quiet = { ...flooded, log: { access: false } }
  const more = { [ID.okapi]: flooded, [ID.users]: { policy }, [ID.notes]: quiet }
  installation = await Installation.open({ modules: [ID.users, ID.notes, ID.tags], more })
})
test.beforeEach(() => {
  installation.okapi.reply = OK
})
test.after.always(() => installation?.close())

/** The names and labels of all series, without their values. */
async function series(sidecar: Sidecar): Promise<string[]> {
  const lines = (await metricsOf(sidecar)).split('\n')
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
}

/** Sends many requests over one connection; resolves to how many answers came. */
function flood(port: number, count: number, request: (i: number) => string): Promise<number> {
  const socket = net.connect(port, '127.0.0.1')
  return new Promise((resolve, reject) => {
    let sent = 0
    let answers = 0
    let rest = ''
    const more = () => {
      const until = Math.min(count, sent + AT_ONCE)
      let text = ''
      for (; sent < until; sent++) text += request(sent)
      socket.write(text, 'latin1')
    }
    socket.on('connect', more)
    socket.on('error', reject)
    socket.on('close', () => resolve(answers))
    socket.on('data', (bytes) => {
      const parts = (rest + bytes.toString('latin1')).split('HTTP/1.1 ')
      answers += parts.length - 1
      rest = parts.at(-1)!.slice(-8)
      if (answers === count) socket.destroy()
      else if (answers === sent) more()
    })
  })
}

test.serial('20,000 hostile names: paths, hosts, tenants, modules, ids, user agents', async (t) => {
  const notes = installation.sidecar(ID.notes)
  const before = await series(notes)
  t.true(before.length > 50)
  const hostile = (i: number) =>
    [
      `${i % 3 === 0 ? 'DELETE' : 'GET'} /users-${i}/${i} HTTP/1.1`,
      `Host: host-${i}.example.org`,
      `X-Okapi-Tenant: tenant${i}`,
      `X-Okapi-Module-Id: mod-${i}-1.0.${i}`,
      `X-Okapi-Request-Id: ${i}/users`,
      `User-Agent: agent-${i}`,
      `X-${i}: ${i}`,
      '\r\n',
    ].join('\r\n')
  t.is(await flood(installation.egress(ID.notes), HOSTILE, hostile), HOSTILE)
  t.deepEqual(await series(notes), before)
  const refused = 'sidecar_refusals_total{direction="egress",reason="route-not-declared"}'
  t.is(await metric(notes, refused), HOSTILE)
})

test.serial('names of unknown modules, at Okapi’s egress', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const before = await series(okapi)
  const hostile = (i: number) => get(`/mod-${i}-1.0.0/users`, T)
  t.is(await flood(installation.modules, 10_000, hostile), 10_000)
  t.deepEqual(await series(okapi), before)
})

test.serial('names that a TLS client asks for', async (t) => {
  const notes = installation.sidecar(ID.notes)
  const before = await series(notes)
  const { port, certificate } = await installation.ingress(ID.notes, ID.okapi)
  const file = (name: string) => readFileSync(join(certificate, name))
  const shown = { ca: file('ca.crt'), cert: file('tls.crt'), key: file('tls.key') }
  for (let i = 0; i < 200; i++) {
    const own = i % 2 === 0 ? shown : { ca: shown.ca }
    await new Promise<void>((resolve) => {
      const socket = tls.connect({
        ...{ host: '127.0.0.1', port, servername: `sni-${i}.example.org`, ...own },
        checkServerIdentity: () => undefined,
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.on('secureConnect', () => socket.destroy())
    })
  }
  t.deepEqual(await series(notes), before)
})

const USER = '3b2ae83c-2d2e-4d45-9a0f-5f4e6f0d3c11'
const TOKEN = `X-Okapi-Token: ${token({ user_id: USER, tenant: 'diku' })}`

test.serial('the line says who answered, and of watched interfaces, the user', async (t) => {
  const id = (name: string) => `X-Okapi-Request-Id: ${name}`
  const call = (target: string, name: string, ...more: string[]) =>
    ask(installation.egress(ID.users), get(target, T, id(name), ...more))
  t.is(verdictOf(await call('/users/1', 'high', TOKEN)), '200')
  t.is(verdictOf(await call('/users/1', 'nobody')), '200')
  const high = await installation.sidecar(ID.users).exchange('high')
  t.is(high.audit, 'high')
  t.is(high.userId, USER)
  t.is(high.upstream, ID.okapi)
  const there = await installation.sidecar(ID.okapi).exchange('high')
  t.is(there.audit, 'high')
  t.is(there.userId, USER)
  t.is(there.caller, ID.users)
  t.is(there.upstream, `127.0.0.1:${installation.okapi.port}`)
  const anonymous = await installation.sidecar(ID.users).exchange('nobody')
  t.is(anonymous.audit, 'high')
  t.is(anonymous.userId, undefined)
})

test.serial(
  'from Okapi: the header beside a token; low is flagged, the ordinary is not',
  async (t) => {
    const user = `X-Okapi-User-Id: ${USER}`
    const call = async (target: string, name: string) => {
      const told = await ask(
        installation.modules,
        get(target, T, user, `X-Okapi-Request-Id: ${name}`),
      )
      t.is(verdictOf(told), '200')
      return installation.sidecar(ID.okapi).exchange(name)
    }
    const low = await call(`/${ID.tags}/tags`, 'low')
    t.deepEqual([low.audit, low.userId, low.upstream], ['low', USER, ID.tags])
    const regular = await call(`/${ID.notes}/notes`, 'regular')
    t.deepEqual([regular.audit, regular.userId], [undefined, undefined])
    t.is(regular.upstream, ID.notes)
  },
)
