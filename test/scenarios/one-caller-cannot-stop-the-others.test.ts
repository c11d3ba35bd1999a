import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { type Call, Callers, type From } from '../support/scenario/callers.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { ask, get, ID, Installation, OK, request, verdictOf } from '../support/scenario.ts'

// One caller opens more calls than there are places and finishes none of them. All others are served,
// by the same listener and towards the same callee. The limits of how many there may be are those that are shipped.

const MODULES = [ID.tags, ID.notes, ID.users, ID.inventory]
const T = 'X-Okapi-Tenant: diku'
const MANY = 512
/** Connections that are made at a time: how many handshakes fit into a moment is not tried here. */
const AT_ONCE = 32
/** Calls that do not end are there until the test is over, however long a busy machine takes. */
const UNHURRIED = { bodyIdleMs: 3_600_000, handshakeMs: 60_000, headMs: 60_000 }
const UNTIL = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)}Z`

let installation: Installation
let callers: Callers
let directory: string

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'public-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  const leaf = await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
  const more = {
    limits: UNHURRIED,
    public: { listen: '0.0.0.0:0', credentials: { directory: leaf.dir } },
    migration: { listen: '0.0.0.0:0', from: ['127.0.0.0/24'], until: UNTIL, why: 'moving over' },
  }
  const ofModules = MODULES.map((id) => [id, { limits: UNHURRIED }] as const)
  installation = await Installation.open({
    modules: MODULES,
    more: { ...Object.fromEntries(ofModules), [ID.okapi]: more },
  })
  callers = new Callers(installation, leaf.dir)
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
})
test.after.always(async () => {
  await installation?.close()
  await rm(directory, { recursive: true, force: true })
})

const unfinished = (target: string) => request(`POST ${target}`, [T, 'Content-Length: 100'])

/** Opens very many that do not end; resolves when each is at Okapi or was told something. */
async function flood(from: readonly From[], text: string): Promise<Call[]> {
  const line = text.slice(0, text.indexOf('\r\n') + 2)
  const before = occurrences(line)
  const calls: Call[] = []
  while (calls.length < MANY) {
    for (let i = 0; i < AT_ONCE; i++)
      calls.push(callers.call(from[calls.length % from.length]!, text))
    await until(() => {
      const told = calls.filter(({ verdict }) => verdict !== '').length
      return told + occurrences(line) - before === calls.length
    })
  }
  return calls
}

function occurrences(line: string): number {
  return installation.okapi.bytes.split(line).length - 1
}

const verdict = (from: From, text: string) => callers.verdict(from, text)

const TAGS_KEY: From = { key: ID.tags }
const BROWSER: From = { listener: 'public', address: '127.0.0.77' }
const PLAIN: From = { listener: 'plain', address: '127.0.0.78' }

/** What all others are told who call now, each by another way. */
async function others(): Promise<string[]> {
  const calls: readonly (readonly [From, string])[] = [
    [{ egress: ID.notes }, get('/users', T)],
    [{ egress: ID.notes }, get('/notes', T)],
    [{ egress: ID.inventory }, get('/users', T)],
    [{ key: ID.users }, get('/users', T)],
    [BROWSER, get('/users', T)],
    [BROWSER, get('/tags', T)],
    [BROWSER, request('POST /authn/login', [T], '{}')],
    [PLAIN, get('/users', T)],
    [PLAIN, get('/tags', T)],
  ]
  return Promise.all(calls.map(([from, text]) => verdict(from, text)))
}
const SERVED = Array(9).fill('200')

function verdictsOf(calls: readonly Call[]): string[] {
  return [...new Set(calls.map((call) => call.verdict))].sort()
}

function close(calls: readonly Call[]): void {
  for (const { socket } of calls) socket.destroy()
}

for (const [who, from, target] of [
  ['a module with its key alone', [TAGS_KEY], '/tags'],
  ['a stranger at `public`', [{ listener: 'public', address: '127.0.0.2' }], '/authn/login'],
  ['a listed address', [{ listener: 'plain', address: '127.0.0.2' }], '/tags'],
] as const satisfies readonly (readonly [string, readonly From[], string])[]) {
  test.serial(`${who}: told too-many beyond its share, all others are served`, async (t) => {
    const calls = await flood(from, unfinished(target))
    t.deepEqual(verdictsOf(calls), ['', '429 too-many'])
    // All of it as long as no other caller wants some: far more than an equal part of all callers.
    t.true(calls.filter((call) => call.verdict === '').length > 140)
    t.is(await verdict(from[0], unfinished(target)), '429 too-many')
    t.deepEqual(await others(), SERVED)
    close(calls)
    await until(
      async () => (await verdict(from[0], request(`POST ${target}`, [T], '{}'))) === '200',
    )
    t.pass()
  })
}

test.serial('a module by its own sidecar: no more leaves it than it may have', async (t) => {
  const from: From = { egress: ID.tags }
  const calls = await flood([from], unfinished('/tags'))
  t.true(verdictsOf(calls).includes('429 too-many'))
  t.true(calls.filter((call) => call.verdict === '').length > 256)
  t.deepEqual(await others(), SERVED)
  // With its key it has no share beside that, on whatever connection.
  t.is(await verdict(TAGS_KEY, unfinished('/tags')), '429 too-many')
  close(calls)
  await until(async () => (await verdict(from, get('/tags', T))) === '200')
  t.pass()
})

test.serial('strangers from many addresses: modules have their half', async (t) => {
  const from = Array.from({ length: MANY }, (_, i): From => {
    return { listener: 'public', address: `127.0.${1 + (i >> 7)}.${1 + (i & 127)}` }
  })
  const calls = await flood(from, unfinished('/tags'))
  t.deepEqual(verdictsOf(calls), ['', '503 overloaded'])
  for (const [by, text] of [
    [{ egress: ID.notes }, get('/users', T)],
    [{ egress: ID.inventory }, get('/users', T)],
    [TAGS_KEY, get('/tags', T)],
  ] as const) {
    t.is(await verdict(by, text), '200')
  }
  close(calls)
  await until(async () => (await verdict(BROWSER, get('/tags', T))) === '200')
  t.pass()
})

test.serial('calls that wait for one slow module do not slow calls of others', async (t) => {
  const release = Promise.withResolvers<void>()
  // As Okapi does: it asks mod-authtoken and then the module before it answers.
  installation.okapi.reply = async ({ first }) => {
    const [, target = ''] = first.split(' ')
    const id = MODULES.find((each) => target.startsWith(`/${each.split('-')[1]}`)) ?? ''
    const answered = await ask(installation.modules, get(`/${id}${target}`, T))
    return `HTTP/1.1 ${verdictOf(answered).slice(0, 3)} Of module\r\nContent-Length: 0\r\n\r\n`
  }
  installation.module(ID.users).reply = async (asked, socket) => {
    await release.promise
    return OK(asked, socket)
  }
  const from = [{ egress: ID.notes }, { egress: ID.inventory }]
  const calls = await flood(from, get('/users', T))
  const waiting = calls.filter((call) => call.verdict === '').length
  t.true(waiting > 256)
  await until(() => installation.module(ID.users).requests.length === waiting)
  t.is(await verdict(TAGS_KEY, get('/tags', T)), '200')
  t.is(await verdict(BROWSER, get('/tags', T)), '200')
  t.is(await verdict({ egress: ID.notes }, get('/notes', T)), '200')
  release.resolve()
  await until(() => calls.every((call) => call.verdict !== ''))
  t.is(calls.filter((call) => call.verdict === '200').length, waiting)
  close(calls)
})

test.serial(
  'each refusal is counted by its limit, and told in the log with the caller',
  async (t) => {
    const okapi = installation.sidecar(ID.okapi)
    t.true((await limitHits(okapi, 'exchangesPerCallee')) > 0)
    const [line] = await okapi.say(
      ({ caller, reason }) => caller === ID.tags && reason === 'too-many',
    )
    t.is(line?.status, 429)
    t.regex(
      line?.because ?? '',
      /^mod-tags-3\.1\.0 has \d+ exchanges with .* open, which is its share/,
    )
  },
)
