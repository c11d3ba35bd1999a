import test from 'ava'
import { exchangeMemory, OpenExchanges } from '../../src/proxy/open-exchanges.ts'
import { policyOf } from '../policy/tools.ts'
import { type ListenerName, MODULE, memoryListener } from '../support/listeners.ts'

const CALLER = 'mod-a-1.0.0'
const FILTER = 'mod-filter-1.0.0'
const AUTH = 'mod-auth-1.0.0'
const get = (pathPattern: string, more: object = {}) => ({ methods: ['GET'], pathPattern, ...more })

/** mod-a calls mod-b, whose routes are of every kind; two modules have filters. */
const DESCRIPTORS = [
  {
    id: 'okapi-7.2.0',
    provides: [{ id: 'okapi', version: '1.9', interfaceType: 'internal', handlers: [] }],
  },
  {
    id: CALLER,
    requires: [
      { id: 'b', version: '1.0' },
      { id: 'c', version: '1.0' },
    ],
  },
  {
    id: MODULE,
    provides: [
      {
        id: 'b',
        version: '1.0',
        handlers: [
          { methods: ['GET', 'POST', 'DELETE'], pathPattern: '/b/{id}' },
          get('/rewritten/{id}', { rewritePath: '/v2' }),
          { methods: ['GET'], pathPattern: '/login', delegateCORS: true },
          { methods: ['POST'], pathPattern: '/both/timer' },
        ],
      },
      { id: 'c', version: '1.0', interfaceType: 'multiple', handlers: [get('/many')] },
      { id: 'd', version: '1.0', handlers: [get('/d')] },
      {
        id: '_tenant',
        version: '2.0',
        interfaceType: 'system',
        handlers: [{ methods: ['POST'], pathPattern: '/_/tenant' }],
      },
      {
        id: '_timer',
        version: '1.0',
        interfaceType: 'system',
        handlers: [
          { pathPattern: '/timer', schedule: { cron: '1 * * * *', zone: 'UTC' } },
          { methods: ['POST'], pathPattern: '/both/timer' },
        ],
      },
    ],
  },
  {
    id: FILTER,
    filters: [{ methods: ['*'], pathPattern: '/*', phase: 'post', type: 'request-log' }],
  },
  { id: AUTH, filters: [{ methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }] },
]

interface Case {
  readonly name: string
  /** What mod-a, or the public, has open at Okapi: `GET /b/1`. */
  readonly open: string
  readonly by?: ListenerName
  readonly tenant?: string
  /** What Okapi then asks: of mod-b unless said, for the same tenant unless said. */
  readonly asks: string
  readonly of?: string
  readonly for?: string
  /** The handle: as it was given, unless said. */
  readonly handle?: 'none' | 'malformed' | 'ended' | 'of another'
  readonly becomes: string
}

const CASES: readonly Case[] = [
  { name: 'the handler', open: 'GET /b/1', asks: 'GET /b/1', becomes: 'caller' },
  { name: 'with its query', open: 'GET /b/1?a=%2F;b', asks: 'GET /b/1?a=%2F;b', becomes: 'caller' },
  { name: 'another method', open: 'GET /b/1', asks: 'DELETE /b/1', becomes: 'other-method' },
  { name: 'another id', open: 'GET /b/1', asks: 'GET /b/2', becomes: 'other-target' },
  { name: 'an id that begins so', open: 'GET /b/1', asks: 'GET /b/12', becomes: 'other-target' },
  { name: 'a beginning of the id', open: 'GET /b/12', asks: 'GET /b/1', becomes: 'other-target' },
  { name: 'another route', open: 'GET /b/1', asks: 'GET /d', becomes: 'other-target' },
  { name: 'another query', open: 'GET /b/1?a', asks: 'GET /b/1?b', becomes: 'other-target' },
  { name: 'a query too many', open: 'GET /b/1', asks: 'GET /b/1?', becomes: 'other-target' },
  { name: 'its query lost', open: 'GET /b/1?a', asks: 'GET /b/1', becomes: 'other-target' },
  {
    name: 'another tenant',
    open: 'GET /b/1',
    asks: 'GET /b/1',
    for: 'other',
    becomes: 'other-tenant',
  },
  { name: 'no tenant', open: 'GET /b/1', asks: 'GET /b/1', for: '', becomes: 'other-tenant' },
  { name: 'no handle', open: 'GET /b/1', asks: 'GET /b/1', handle: 'none', becomes: 'no-handle' },
  {
    name: 'a malformed handle',
    open: 'GET /b/1',
    asks: 'GET /b/1',
    handle: 'malformed',
    becomes: 'malformed-handle',
  },
  {
    name: 'after its end',
    open: 'GET /b/1',
    asks: 'GET /b/1',
    handle: 'ended',
    becomes: 'no-exchange',
  },
  {
    name: 'the handle of another exchange',
    open: 'GET /b/1',
    asks: 'GET /b/1',
    handle: 'of another',
    becomes: 'other-target',
  },
  // java.net.URL ends a target at its `#`.
  // Only GET is the question whether a module is well: a filter takes `/` too.
  {
    name: 'the auth filter about no path',
    open: 'GET /b/1',
    asks: 'POST /',
    of: AUTH,
    handle: 'none',
    becomes: 'no-handle',
  },
  {
    name: 'the auth filter about no path, not even a slash',
    open: 'GET /b/1',
    asks: 'DELETE ',
    of: AUTH,
    becomes: 'other-method',
  },
  { name: 'up to a #', open: 'GET /b/1?a#b', asks: 'GET /b/1?a', becomes: 'caller' },
  { name: 'with its #', open: 'GET /b/1?a#b', asks: 'GET /b/1?a#b', becomes: 'caller' },
  { name: 'another #', open: 'GET /b/1?a#b', asks: 'GET /b/1?a#c', becomes: 'other-target' },
  { name: 'a # too many', open: 'GET /b/1?a', asks: 'GET /b/1?a#b', becomes: 'other-target' },
  // ModuleInstance puts the route's rewritePath before the path.
  {
    name: 'rewritten',
    open: 'GET /rewritten/1?a',
    asks: 'GET /v2/rewritten/1?a',
    becomes: 'caller',
  },
  {
    name: 'rewritten, another id',
    open: 'GET /rewritten/1',
    asks: 'GET /v2/rewritten/2',
    becomes: 'other-target',
  },
  // /_/invoke/tenant/{t}/REST is REST for t.
  {
    name: 'invoked by the public',
    by: 'public',
    open: 'GET /_/invoke/tenant/diku/b/1?a',
    asks: 'GET /b/1?a',
    becomes: 'caller',
  },
  {
    name: 'invoked, as it was',
    by: 'public',
    open: 'GET /_/invoke/tenant/diku/b/1',
    asks: 'GET /_/invoke/tenant/diku/b/1',
    of: AUTH,
    becomes: 'other-target',
  },
  {
    name: 'invoked for another tenant',
    by: 'public',
    open: 'GET /_/invoke/tenant/other/b/1',
    tenant: '',
    asks: 'GET /b/1',
    becomes: 'other-tenant',
  },
  {
    name: 'invoked with nothing behind the ?',
    by: 'public',
    open: 'GET /_/invoke/tenant/diku/b/1?',
    asks: 'GET /b/1',
    becomes: 'caller',
  },
  {
    name: 'a delegated preflight loses its query',
    by: 'public',
    open: 'OPTIONS /_/invoke/tenant/diku/login?a',
    asks: 'OPTIONS /login',
    becomes: 'caller',
  },
  {
    name: 'a delegated preflight, another path',
    by: 'public',
    open: 'OPTIONS /_/invoke/tenant/diku/login?a',
    asks: 'OPTIONS /logi',
    of: AUTH,
    becomes: 'other-target',
  },
  {
    name: 'a preflight that is not invoked keeps its query',
    by: 'public',
    open: 'OPTIONS /login?a',
    asks: 'OPTIONS /login',
    becomes: 'other-target',
  },
  // The filters of the pipeline.
  { name: 'the auth filter', open: 'GET /b/1', asks: 'GET /b/1', of: AUTH, becomes: 'caller' },
  { name: 'a post filter', open: 'GET /b/1', asks: 'GET /b/1', of: FILTER, becomes: 'caller' },
  {
    name: 'a post filter when the answer has gone',
    open: 'GET /b/1',
    asks: 'GET /b/1',
    of: FILTER,
    handle: 'ended',
    becomes: 'no-exchange, passed',
  },
  {
    name: 'the auth filter about another path',
    open: 'GET /b/1',
    asks: 'GET /b/2',
    of: AUTH,
    becomes: 'other-target',
  },
  {
    name: 'the auth filter without a handle',
    open: 'GET /b/1',
    asks: 'GET /b/1',
    of: AUTH,
    handle: 'none',
    becomes: 'no-handle',
  },
  {
    name: 'the auth filter about Okapi’s administration',
    open: 'POST /_/proxy/tenants/other/install?tenantParameters=a',
    asks: 'POST /_/proxy/tenants/other/install?tenantParameters=a',
    of: AUTH,
    becomes: 'caller',
  },
  {
    name: 'a tenant job while the install is open that it is for',
    open: 'POST /_/proxy/tenants/other/install',
    asks: 'POST /_/tenant',
    for: 'other',
    becomes: 'okapi',
  },
  {
    name: 'an ordinary route while an install is open',
    open: 'POST /_/proxy/tenants/other/install',
    asks: 'POST /b/1',
    becomes: 'other-target',
  },
  // What Okapi asks for itself: it could drop the handle, so that no handle can harm.
  {
    name: 'a tenant job',
    open: 'GET /b/1',
    asks: 'POST /_/tenant',
    handle: 'none',
    becomes: 'okapi',
  },
  {
    name: 'a tenant job of an install that was answered',
    open: 'GET /b/1',
    asks: 'POST /_/tenant',
    for: 'other',
    handle: 'ended',
    becomes: 'okapi',
  },
  {
    name: 'a tenant job with a handle that is open',
    open: 'GET /b/1',
    asks: 'POST /_/tenant',
    for: 'other',
    becomes: 'okapi',
  },
  { name: 'a timer', open: 'GET /b/1', asks: 'POST /timer', handle: 'none', becomes: 'okapi' },
  { name: 'no timer', open: 'GET /b/1', asks: 'GET /d', handle: 'none', becomes: 'no-handle' },
  {
    name: 'the auth filter about a timer',
    open: 'GET /b/1',
    asks: 'POST /timer',
    of: AUTH,
    handle: 'none',
    becomes: 'okapi',
  },
  {
    name: 'the auth filter about the path of a timer with another method',
    open: 'GET /b/1',
    asks: 'GET /timer',
    of: AUTH,
    handle: 'none',
    becomes: 'no-handle',
  },
  {
    name: 'a timer that callers may ask for too, with their handle',
    open: 'POST /both/timer',
    asks: 'POST /both/timer',
    becomes: 'caller',
  },
  {
    name: 'a timer that callers may ask for too, without',
    open: 'GET /b/1',
    asks: 'POST /both/timer',
    handle: 'none',
    becomes: 'okapi',
  },
]

const PREFLIGHT = 'Origin: https://a\r\nAccess-Control-Request-Method: GET\r\n'

const GRANTS = [
  {
    caller: 'mod-a',
    at: 'okapi',
    methods: ['POST'],
    path: '/_/proxy/tenants/{t}/install',
    why: 'a test of what Okapi asks then',
  },
  {
    caller: 'public',
    at: 'okapi',
    methods: ['*'],
    path: '/_/invoke/tenant/{t}/*',
    why: 'a test of what becomes of it',
  },
]

for (const mode of ['off', 'report', 'enforce'] as const) {
  test(`every case, with policy.caller ${mode}`, async (t) => {
    const policy = policyOf({ caller: mode, withoutToken: 'any', grants: GRANTS }, DESCRIPTORS)
    for (const one of CASES) {
      const exchanges = new OpenExchanges({ memory: exchangeMemory(4), from: 0, to: 4 })
      const okapi = memoryListener(one.by ?? 'okapi', { compiled: policy, exchanges })
      const modules = memoryListener('modules', { compiled: policy, exchanges })
      const { tenant = 'diku' } = one
      const header = (name: string) => (name === '' ? '' : `X-Okapi-Tenant: ${name}\r\n`)
      const send = (start: string, lines: string) => {
        const browser = start.startsWith('OPTIONS') ? PREFLIGHT : ''
        return `${start} HTTP/1.1\r\nHost: a\r\n${lines}${browser}Content-Length: 0\r\n\r\n`
      }
      await okapi.socket.arrive(
        send(one.open, header(one.open.includes('/_/invoke/') ? '' : tenant)),
      )
      t.is(okapi.socket.sent, '', one.name)
      const upstream = okapi.pool.connect()
      const given = /X-Sidecar-Exchange: (.*)\r\n/.exec(upstream.sent)?.[1] ?? ''
      t.regex(given, /^[0-9a-f]{38}$/, `${one.name}: ${okapi.socket.sent}`)
      let handle: string | undefined = given
      if (one.handle === 'none') handle = undefined
      if (one.handle === 'malformed') handle = given.slice(1)
      if (one.handle === 'of another') {
        const other = memoryListener('okapi', { compiled: policy, exchanges })
        await other.socket.arrive(send('GET /b/77', header(tenant)))
        handle = /X-Sidecar-Exchange: (.*)\r\n/.exec(other.pool.connect().sent)?.[1]
      }
      if (one.handle === 'ended') {
        await okapi.pool.answer(upstream, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        t.is(exchanges.open, 0)
      }
      const [method, target] = one.asks.split(' ')
      const line = handle === undefined ? '' : `X-Sidecar-Exchange: ${handle}\r\n`
      const asked = send(
        `${method} /${one.of ?? MODULE}${target}`,
        `${header(one.for ?? tenant)}${line}`,
      )
      await modules.socket.arrive(asked)
      const [becomes = '', passed] = one.becomes.split(', ')
      const fits = becomes === 'caller' || becomes === 'okapi'
      const refused = mode === 'enforce' && !fits && passed === undefined
      if (refused) {
        t.like(modules.told[0], { reason: 'caller-not-allowed', callerOutcome: becomes }, one.name)
        continue
      }
      t.deepEqual(modules.told, [], `${one.name}: ${modules.socket.sent}`)
      const callee = modules.pool.connect()
      const name = one.by === 'public' ? 'public' : CALLER
      const told = becomes === 'caller' ? name : becomes === 'okapi' ? 'okapi' : 'unknown'
      const said = [...callee.sent.matchAll(/^x-sidecar-.*$/gim)].map(([each]) => each.trim())
      t.deepEqual(said, [`X-Sidecar-Caller: ${told}`], one.name)
      await modules.pool.answer(callee, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      t.is(modules.told[0]?.callerOutcome, becomes, one.name)
    }
    t.log(`${CASES.length} cases`)
  })
}
