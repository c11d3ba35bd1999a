import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { createAuthority } from '../../src/pki/ca.ts'
import { Callers, type From } from '../support/scenario/callers.ts'
import { limitHits, metric, until } from '../support/scenario/metrics.ts'
import { answer, get, ID, Installation, OK, request } from '../support/scenario.ts'

// Okapi does not listen yet, and one caller sends large bodies all the same: what is held for it is
// bounded, it is told too-many, and what others have sent is delivered as soon as Okapi is there.

const MIB = 1_048_576
const T = 'X-Okapi-Tenant: diku'
const MANY = 40
const LARGE = request('POST /tags', [T], 'x'.repeat(300_000))
/** A read of the kernel is the least that an exchange holds whose body is large. */
const LEAST = 65_536

for (const [by, from] of [
  ['with its key alone', { key: ID.tags }],
  ['by its own sidecar and a link', { egress: ID.tags }],
  ['at `public`', { listener: 'public', address: '127.0.0.2' }],
] as const satisfies readonly (readonly [string, From])[]) {
  test.serial(`large requests ${by}: no more is held than limits.bufferedBytes`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'public-'))
    const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
    const { dir } = await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
    const [port = 0] = await freePorts(1)
    const more = {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${port}` },
      public: { listen: '0.0.0.0:0', credentials: { directory: dir } },
      limits: { bufferedBytes: MIB, connectWaitMs: 600_000, bodyIdleMs: 600_000 },
    }
    const installation = await Installation.open({
      processes: true,
      modules: [ID.tags, ID.notes, ID.users],
      more: { [ID.okapi]: more },
    })
    const callers = new Callers(installation, dir)
    const okapi = installation.sidecar(ID.okapi)
    const server = http.createServer({ keepAliveTimeout: 0 }, (asked, answer) => {
      asked.resume().on('end', () => answer.end('ok'))
    })
    t.teardown(async () => {
      server.closeAllConnections()
      server.close()
      await installation.close()
      await rm(directory, { recursive: true, force: true })
    })

    const calls = Array.from({ length: MANY }, () => callers.call(from, LARGE))
    const waiting = () => calls.filter(({ verdict }) => verdict === '')
    await until(() => waiting().length <= MIB / LEAST)
    await until(async () => (await metric(okapi, 'sidecar_buffered_bytes')) <= 2 * MIB)
    t.deepEqual([...new Set(calls.map(({ verdict }) => verdict))].sort(), ['', '429 too-many'])
    t.is(await callers.verdict(from, get('/tags', T)), '429 too-many')
    t.true((await limitHits(okapi, 'bufferedBytes')) > 0)

    const others = [
      callers.call({ key: ID.notes }, get('/users', T)),
      callers.call({ egress: ID.notes }, get('/users', T)),
      callers.call({ listener: 'public', address: '127.0.0.77' }, get('/users', T)),
    ]
    await until(async () => (await metric(okapi, 'sidecar_exchanges_open')) >= waiting().length + 3)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    await until(() => [...waiting(), ...others].every(({ verdict }) => verdict !== ''))
    t.deepEqual(
      others.map(({ verdict }) => verdict),
      ['200', '200', '200'],
    )
    // Nothing is held any more.
    await until(async () => (await callers.verdict(from, get('/tags', T))) === '200')
    for (const { socket } of [...calls, ...others]) socket.destroy()
  })
}

test.serial(
  'answers that are not read: no more is held than limits.bufferedBytes, others are served',
  async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'public-'))
    const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
    const { dir } = await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
    const more = {
      public: { listen: '0.0.0.0:0', credentials: { directory: dir } },
      limits: { bufferedBytes: MIB },
    }
    const installation = await Installation.open({
      processes: true,
      modules: [ID.tags, ID.users],
      more: { [ID.okapi]: more },
    })
    t.teardown(async () => {
      await installation.close()
      await rm(directory, { recursive: true, force: true })
    })
    const callers = new Callers(installation, dir)
    const okapi = installation.sidecar(ID.okapi)
    // More than the kernel takes for one connection, which is several megabytes on loopback.
    const large = answer('200 OK', [], 'x'.repeat(16 * MIB))
    installation.okapi.reply = (asked, socket) =>
      asked.first.includes('/tags') ? large : OK(asked, socket)
    const from: From = { listener: 'public', address: '127.0.0.2' }
    const calls = Array.from({ length: MANY }, () => {
      const call = callers.call(from, get('/tags', T))
      call.socket.pause()
      return call
    })
    await until(async () => (await limitHits(okapi, 'bufferedBytes')) > 0)
    await until(async () => (await metric(okapi, 'sidecar_buffered_bytes')) <= 2 * MIB)
    const other: From = { listener: 'public', address: '127.0.0.77' }
    for (let i = 0; i < 5; i++) t.is(await callers.verdict(other, get('/users', T)), '200')
    for (const { socket } of calls) socket.destroy()
    await until(async () => (await metric(okapi, 'sidecar_buffered_bytes')) === 0)
    await until(async () => (await callers.verdict(from, get('/users', T))) === '200')
  },
)
