import { deepEqual, equal } from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { explain } from '../../src/cli/policy/explain.ts'
import { createAuthority } from '../../src/pki/ca.ts'
import { FLAW, requestRefusal } from '../../src/wire/flaws.ts'
import {
  field,
  ID,
  Installation,
  type Line,
  request,
  statusOf,
  Talk,
  type Where,
} from '../support/scenario.ts'

// Generated requests go through every listener of two running sidecars; `policy explain`, asked with the
// configuration files of these sidecars, must have said the same about each: verdict, reason, rule
// and sentence.

const GONE = 'mod-gone-1.0.0'
const GRANTS = [
  { caller: 'mod-tags', at: 'okapi', interface: 'users' },
  { caller: 'mod-tags', at: 'okapi', interface: 'configuration', until: '2001-01-01' },
  { caller: 'mod-tags', at: 'mod-notes', interface: 'notes' },
  { caller: 'mod-notes', at: 'okapi', methods: ['GET'], path: '/_/proxy/tenants/{t}/modules' },
  { caller: 'mod-notes', at: 'okapi', methods: ['GET'], path: '/user*' },
  { caller: 'operator/anna', at: 'okapi', admin: ['read'] },
  { caller: 'operator/anna', at: 'mod-notes', methods: ['GET'], path: '/metrics' },
  { caller: 'client/portal', at: 'okapi', interface: 'users' },
  { caller: 'client/portal', at: 'okapi', tenants: ['supertenant'] },
].map((grant) => ({ ...grant, why: 'a test' }))

const POLICY = {
  grants: GRANTS,
  quarantine: [{ module: 'mod-inventory', why: 'a test' }],
  pathExceptions: [{ at: 'okapi', path: '/users/{id}', allow: ['%2f'], why: 'a test' }],
}

/** Fifty handshakes at once on a busy machine. */
const PATIENT = { handshakeMs: 60_000, headMs: 60_000 }

let installation: Installation
/** The configuration file of each sidecar, by its module. */
const files = new Map<string, string>()
/** The folder of the certificate of each caller, and of what browsers are shown. */
const certificates = new Map<string, string>()
let directory: string

const AT_OKAPI = [ID.notes, ID.tags, GONE, ID.inventory, ID.okapi, 'operator/anna', 'operator/eve']
const AT_NOTES = [ID.okapi, ID.tags, GONE, ID.inventory, 'operator/anna']
const CALLERS = [...AT_OKAPI, 'client/portal', 'client/eve']

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'explain-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  const shown = (await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true }))
    .dir
  installation = await Installation.open({
    processes: true,
    modules: [ID.notes],
    more: {
      // What report mode lets pass here the other end refuses.
      [ID.notes]: { policy: { ...POLICY, mode: 'report' }, limits: PATIENT },
      [ID.okapi]: {
        policy: POLICY,
        limits: PATIENT,
        public: { listen: '127.0.0.1:0', credentials: { directory: shown } },
      },
    },
  })
  for (const caller of CALLERS) {
    const runs = caller === ID.notes || caller === ID.okapi
    const own = join(installation.place.directory, 'certs', caller)
    certificates.set(caller, runs ? own : await installation.place.certificate(caller))
  }
  certificates.set('public', shown)
  for (const id of [ID.notes, ID.okapi]) {
    const [file] = readdirSync(installation.place.directory).filter((name) => name.startsWith(id))
    files.set(id, join(installation.place.directory, file!))
  }
})
test.after.always(async () => {
  await installation?.close()
  await rm(directory, { recursive: true, force: true })
})

const PATHS =
  `/ /_ /_/ /users /users/1 /users/ /user-tenants /users/expire/timer /tags /tags/1 /notes
  /notes/1 /note-links/type/a/id/b /custom-fields /configurations/entries /token /perms/users /metrics
  /inventory/items /_/version /_/proxy/tenants /_/proxy/tenants/diku/modules /_/env /_/tenant
  /_/tenant/1 /_/jsonSchemas /_/invoke/tenant/diku/users /_/invoke/tenant/diku/saml/login
  /_/invoke/tenant/supertenant/users /_/invoke/tenant/diku/_/version /_/invoke/tenant/diku/tags
  /%5f/version /nothing/of/this`.split(/\s+/)
const TRAPS = [
  '//',
  '/..',
  '/./x',
  ';x',
  '/a%2Fb',
  '%2e',
  '%zz',
  '%00',
  '\\',
  '#x',
  ' x',
  '\xfc',
  '{',
]
const USUAL = '/users /users/1 /tags/1 /notes /notes/1 /user-tenants /_/version /_/tenant'.split(
  ' ',
)
const METHODS = 'GET POST PUT DELETE HEAD OPTIONS BREW'.split(' ')

/** Which listener, and which caller: Okapi's egress has the module named that it calls. */
const listener = fc.oneof(
  fc.constant({ listener: 'egress' as const, caller: ID.notes as string }),
  fc.constant({ listener: 'public' as const, caller: 'public' }),
  fc.record({ listener: fc.constant('okapi' as const), caller: fc.constantFrom(...CALLERS) }),
  fc.record({ listener: fc.constant('ingress' as const), caller: fc.constantFrom(...AT_NOTES) }),
  fc.record({
    listener: fc.constant('modules' as const),
    caller: fc.constant<string>(ID.okapi),
    module: fc.constantFrom(ID.notes, ID.notes, GONE),
  }),
)
const target = fc
  .tuple(
    fc.oneof(fc.constantFrom(...USUAL), fc.constantFrom(...PATHS)),
    fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom(...TRAPS)),
    fc.constantFrom('', '', '?query=a//b%2F..;c'),
  )
  .map((parts) => parts.join(''))
const often = <T>(value: T, others: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(value) }, others)
const maybe = (...values: readonly string[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined })
const question = fc
  .record({
    where: listener,
    method: often('GET', fc.constantFrom(...METHODS)),
    path: fc.oneof(
      { weight: 20, arbitrary: target },
      fc.constantFrom('users', '*', 'http://okapi/users'),
    ),
    tenant: often('diku', maybe('diku', 'supertenant')),
    moduleId: often(undefined, fc.constantFrom(ID.users, ID.notes, 'nobody')),
  })
  .filter(({ where, path, method }) => {
    const readable = /^\/[\x21-\x7e]*$/.test(path)
    // In front of it stands the module's name; the answer to a HEAD that cannot be read has a body.
    return readable || (where.listener !== 'modules' && method !== 'HEAD')
  })

interface Question {
  readonly where: { readonly listener: string; readonly caller: string; readonly module?: string }
  readonly method: string
  readonly path: string
  readonly tenant: string | undefined
  readonly moduleId: string | undefined
}

/** One for each outcome, so that none is left to chance: listener, caller, method, path, tenant. */
const SURE = `egress ${ID.notes} GET /users/1 diku
  egress ${ID.notes} GET /tags/1 diku
  egress ${ID.notes} GET /users supertenant
  okapi ${ID.tags} GET /users/1 diku
  okapi ${ID.tags} GET /configurations/entries diku
  okapi ${ID.tags} GET /tags/1 diku
  okapi ${ID.notes} GET /tags diku
  okapi ${ID.inventory} GET /users diku
  okapi operator/anna GET /_/proxy/tenants diku
  okapi operator/eve GET /_/proxy/tenants diku
  okapi client/portal GET /users/a%2Fb supertenant
  okapi client/portal GET /users/../tags supertenant
  public public OPTIONS /users diku
  public public BREW /users diku
  public public GET /_/invoke/tenant/diku/saml/login other
  ingress ${ID.okapi} POST /_/tenant diku
  ingress ${ID.okapi} GET /notes/1 diku
  ingress ${ID.okapi} GET /nothing diku
  ingress ${ID.tags} GET /notes diku
  ingress ${ID.tags} GET /notes supertenant
  ingress operator/anna GET /metrics
  ingress operator/anna GET /metrics supertenant
  ingress operator/anna GET /_/invoke/tenant/diku/notes other`
  .split('\n')
  .map((line): Question => {
    const [listener = '', caller = '', method = '', path = '', tenant] = line.trim().split(' ')
    return { where: { listener, caller }, method, path, tenant, moduleId: undefined }
  })

/** Sidecars on the way, each with who calls it and whose ingress decides. */
function legsOf({ where: { listener, caller, module = ID.notes } }: Question) {
  const atOkapi = { sidecar: ID.okapi, caller, at: 'okapi' }
  const atNotes = { sidecar: ID.notes, caller, at: ID.notes }
  if (listener === 'egress') return [{ ...atOkapi, sidecar: ID.notes }, atOkapi]
  if (listener === 'modules') return [{ ...atNotes, at: module, sidecar: ID.okapi }, atNotes]
  return [listener === 'ingress' ? atNotes : atOkapi]
}

/** What `policy explain` says of one leg. */
function explained(leg: ReturnType<typeof legsOf>[number], question: Question) {
  const { method, path, moduleId } = question
  // Okapi takes a request without a tenant for the supertenant's, but for one that it invokes; a module
  // takes it for no module's.
  const implied = leg.at === 'okapi' ? 'supertenant' : ''
  const invoked = leg.at === 'okapi' && path.startsWith('/_/invoke/tenant/')
  const tenant = question.tenant ?? (invoked ? undefined : implied)
  return explain([
    ...['-c', files.get(leg.sidecar)!, '--caller', leg.caller, '--at', leg.at],
    ...['--method', method, '--path', path],
    ...(tenant === undefined ? [] : ['--tenant', tenant]),
    ...(moduleId === undefined ? [] : ['--module-id', moduleId]),
  ]).told
}

function whereTo({ where: { listener, caller } }: Question): Where {
  if (listener === 'egress') return installation.egress(ID.notes)
  if (listener === 'modules') return installation.modules
  const certificate = certificates.get(caller)!
  const port = (id: string, name: 'ingress' | 'public') => installation.sidecar(id).port(name)
  if (listener === 'public') return { port: port(ID.okapi, 'public'), certificate, shown: false }
  return { port: port(listener === 'ingress' ? ID.notes : ID.okapi, 'ingress'), certificate }
}

/** Sends it; resolves to the answer, undefined where there is none, and to the id that logs have. */
async function sent(question: Question) {
  const { where, method, path, tenant, moduleId } = question
  const own = crypto.randomUUID()
  const lines = [`X-Okapi-Request-Id: ${own}`]
  if (tenant !== undefined) lines.push(`X-Okapi-Tenant: ${tenant}`)
  if (moduleId !== undefined) lines.push(`X-Okapi-Module-Id: ${moduleId}`)
  // An OPTIONS of a browser is explained as what it nearly always is.
  if (method === 'OPTIONS') {
    lines.push('Origin: https://folio.example', 'Access-Control-Request-Method: PUT')
  }
  const prefix = where.listener === 'modules' ? `/${where.module}` : ''
  const talk = new Talk(whereTo(question))
  try {
    const text = request(`${method} ${prefix}${path}`, lines)
    const answer = await talk.send(text).next(method === 'HEAD')
    // Of a head that could not be read no id is taken over.
    const refused = field(answer, 'X-Sidecar-Refused') !== undefined && answer.body !== ''
    return { answer, id: refused ? (JSON.parse(answer.body).requestId as string) : own }
  } catch (error) {
    // Okapi's question about a module's health is answered or not.
    if (path === '/' && talk.ended && talk.received === '') return { answer: undefined, id: own }
    throw error
  } finally {
    talk.close()
  }
}

/** What the log says, in the shape of what was explained. */
function logged(line: Line) {
  const { caller, provider = null, rule = null, because = null, wouldDeny = null } = line
  const { at = null, reason = wouldDeny, interface: id = null, route = null } = line
  return { caller, at, provider, interface: id, pattern: route, reason, rule, because }
}

const UNREAD = new Set(Object.values(FLAW).map((code) => requestRefusal(code).because))

function expected(told: ReturnType<typeof explained>) {
  const { caller, provider, reason } = told
  return {
    ...{ caller, provider, reason },
    // Where no head could be read, and for a name that the caller chose, the log names no place.
    at: UNREAD.has(told.because) || told.at === GONE ? null : told.at,
    interface: told.interface?.id ?? null,
    pattern: told.route?.pathPattern ?? null,
    rule: told.rule?.kind ?? null,
    // The log gives a sentence to what is refused, or would be.
    because: reason === null ? null : told.because,
  }
}

test('generated requests through every listener: what happens is what explain says', async (t) => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.array<Question>(question, { minLength: 50, maxLength: 50 }),
      async (questions) => {
        await Promise.all(
          questions.map(async (asked) => {
            const { answer, id } = await sent(asked)
            let verdict = '200'
            for (const leg of legsOf(asked)) {
              const told = explained(leg, asked)
              const line = await installation.sidecar(leg.sidecar).exchange(id)
              deepEqual(logged(line), expected(told), JSON.stringify({ asked, leg, line, told }))
              const passed = told.decision === 'allow'
              const outcome = passed
                ? told.reason === null
                  ? told.rule!.kind
                  : `report:${told.reason}`
                : told.reason!
              seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
              if (passed) continue
              verdict = told.reason!
              break
            }
            // Okapi's question about a module's health is answered without a reason.
            if (answer === undefined || asked.path === '/') {
              equal(answer !== undefined && statusOf(answer) === 200, verdict === '200')
            } else equal(field(answer, 'X-Sidecar-Refused') ?? String(statusOf(answer)), verdict)
          }),
        )
      },
    ),
    // The message names the one that differs: fewer beside it would not say more.
    { numRuns: 8, examples: [[SURE]], includeErrorInReport: true, endOnFailure: true },
  )
  t.log([...seen].map(([outcome, count]) => `${outcome} ${count}`).join(', '))
  for (const outcome of [
    ...['requires', 'grant', 'system', 'own', 'default', 'ambiguous-target', 'malformed-request'],
    ...['caller-not-allowed', 'route-not-declared', 'interface-not-required', 'admin-route'],
    ...['tenant-not-allowed', 'tenant-mismatch', 'quarantined', 'report:interface-not-required'],
  ]) {
    t.true(seen.has(outcome), `${outcome} was never reached`)
  }
})
