import { parseCaller } from '../../src/policy/caller.ts'
import { compilePolicy } from '../../src/policy/compiled-policy.ts'
import { installDescriptors } from '../../src/policy/descriptors.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import type { RequestContext } from '../../src/proxy/request-context.ts'
import { SeenTokens, seenTokensMemory } from '../../src/proxy/seen-tokens.ts'
import { TokenProvenance } from '../../src/proxy/token-provenance.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { MemoryPool, settingsWith } from './engine.ts'
import { type ListenerName, type ListenerOptions, listenerOf, memoryListener } from './listeners.ts'
import { MemorySocket } from './memory-socket.ts'

export const TOKEN_PLACES = [
  ...['module’s egress', 'Okapi’s ingress', 'operator', 'public', 'migration listener'],
] as const
/** Where the token was before it is sent. */
export const WAYS_OF_TOKENS = [
  ...['no token', 'empty', 'sent to it', 'in an answer to it', 'in a cookie to it'],
  ...['sent again in its life', 'after its life', 'sent to another', 'sent to a named one'],
  ...['in an answer to another', 'never seen', 'of a module, never seen', 'sent by it before'],
] as const
export const TOKEN_FORMS = [
  ...['X-Okapi-Token', 'Bearer', 'bare Authorization', 'twice the same', 'beside another'],
] as const
export const TOKEN_GRANTS = ['no grant', 'named', 'any'] as const
export const TOKEN_MODES = ['off', 'report', 'grace', 'enforce'] as const
/** A module with an auth filter makes tokens. */
export const TOKEN_CALLERS = ['ordinary', 'maker of tokens'] as const

/** One token that is sent. */
export interface TokenUse {
  readonly place: string
  readonly way: string
  readonly form: string
  readonly grant: string
  readonly mode: string
  readonly caller: string
}

/** Every possible use. */
export function* tokenUses(): Generator<TokenUse> {
  for (const place of TOKEN_PLACES)
    for (const caller of isOfModule(place) ? TOKEN_CALLERS : (['ordinary'] as const))
      for (const grant of isOfModule(place) ? TOKEN_GRANTS : (['no grant'] as const))
        for (const mode of TOKEN_MODES)
          for (const way of WAYS_OF_TOKENS)
            for (const form of TOKEN_FORMS) yield { place, way, form, grant, mode, caller }
}

export function isOfModule(place: string): boolean {
  return place === 'module’s egress' || place === 'Okapi’s ingress'
}

const [ORDINARY, MAKER] = ['mod-ordinary-1.0.0', 'mod-authtoken-1.0.0']
const [ANOTHER, NAMED] = ['mod-another-1.0.0', 'mod-named-1.0.0']
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const users = {
  id: 'users',
  version: '1.0',
  handlers: [{ methods: ['GET'], pathPattern: '/users/{id}', permissionsRequired: [] }],
}
const requires = [{ id: 'users', version: '1.0' }]
const filter = { methods: ['*'], pathPattern: '/*', phase: 'auth', type: 'headers' }
const own = (id: string) => ({
  id,
  version: '1.0',
  handlers: [{ methods: ['GET'], pathPattern: `/${id}`, permissionsRequired: [] }],
})
const DESCRIPTORS = [
  { id: 'mod-users-1.0.0', provides: [users] },
  { id: ORDINARY, requires, provides: [own('ordinary')] },
  { id: MAKER, requires, provides: [own('authtoken')], filters: [filter] },
  { id: ANOTHER, requires, provides: [own('another')] },
  { id: NAMED, requires, provides: [own('named')] },
]

const POLICIES = new Map<string, Policy>()

function policyWith(grant: string): Policy {
  const known = POLICIES.get(grant)
  if (known !== undefined) return known
  const { set } = installDescriptors(
    DESCRIPTORS.map((value) => ({ file: `${value.id}.json`, path: value.id, value })),
  )
  const grants: object[] = [
    { caller: 'operator/anna', at: 'okapi', interface: 'users', why: 'test' },
  ]
  if (grant !== 'no grant') {
    const tokens = grant === 'any' ? 'any' : ['mod-named']
    grants.push({ caller: 'mod-ordinary', at: 'okapi', tokens, why: 'test', until: '2999-01-01' })
  }
  const { policy, problems } = compilePolicy({
    descriptors: set!,
    grants: ruleSources(grants, 'test', ''),
    tenants: 'off',
  })
  if (policy === undefined) throw new Error(problems.map(({ message }) => message).join('; '))
  POLICIES.set(grant, policy)
  return policy
}

const LISTENERS: Readonly<Record<string, ListenerName>> = {
  'module’s egress': 'egress',
  'Okapi’s ingress': 'okapi',
  operator: 'okapi',
  public: 'public',
  'migration listener': 'plainToOkapi',
}

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ tenant: 'diku', ...claims })}.${'s'.repeat(43)}`
}

const OTHER = jwt({ type: 'access', sub: 'bob', user_id: '2' })

function linesOf(form: string, token: string): string[] {
  switch (form) {
    case 'Bearer':
      return [`Authorization: Bearer ${token}`]
    case 'bare Authorization':
      return [`Authorization: ${token}`]
    case 'twice the same':
      return [`X-Okapi-Token: ${token}`, `Authorization: Bearer ${token}`]
    case 'beside another':
      return [`X-Okapi-Token: ${token}`, `Authorization: Bearer ${OTHER}`]
    default:
      return [`X-Okapi-Token: ${token}`]
  }
}

/**
 * What the proxy makes of it: `passes`, `passes, would be REASON` or `STATUS REASON`, by bytes through the listeners'
 * own rules: what Okapi sends and answers before, and then the use itself.
 */
export async function whatBecomesOf(use: TokenUse): Promise<string> {
  const { place, way, form, mode, caller } = use
  const compiled = policyWith(use.grant)
  const clock = { now: performance.now() }
  const seen = new SeenTokens(seenTokensMemory({ tokensPerModule: 64, modules: 6 }), DAY_MS)
  const options = { seen, clock, lifeMs: DAY_MS, graceMs: mode === 'grace' ? 99 * DAY_MS : 0 }
  const kind = mode === 'report' ? 'report' : 'enforce'
  const tokens = mode === 'off' ? undefined : new TokenProvenance({ mode: kind, ...options })
  const judged = tokens === undefined ? {} : { tokens }
  const id = caller === 'ordinary' ? ORDINARY : MAKER
  const isModuleToken = way === 'of a module, never seen'
  const token = jwt({ type: isModuleToken ? 'module' : 'access', sub: 'anna', user_id: '1' })

  const okapiCalls = async (to: string, ...lines: string[]) => {
    const { socket, pool } = memoryListener('modules', { compiled, ...judged })
    const path = DESCRIPTORS.find((one) => one.id === to)!.provides[0]!.id
    await socket.arrive(requestTo(`/${to}/${path}`, lines))
    pool.connect()
    socket.destroy()
  }
  const isAnswered = async (who: string, ...lines: string[]) => {
    const name = LISTENERS[isOfModule(place) ? place : 'Okapi’s ingress']!
    const { socket, pool } = memoryListener(name, { compiled, caller: parseCaller(who), ...judged })
    await socket.arrive(requestTo('/users/1', []))
    const head = ['HTTP/1.1 200 OK', 'Content-Length: 0', ...lines, '', ''].join('\r\n')
    await pool.answer(pool.connect(), head)
    socket.destroy()
  }
  const sends = async () => {
    const asked = place === 'operator' ? 'operator/anna' : place === 'public' ? 'public' : undefined
    const who = isOfModule(place) ? id : asked
    const whose = who === undefined ? {} : { caller: parseCaller(who) }
    const { socket, told, pool, note } = watched(LISTENERS[place]!, {
      compiled,
      ...whose,
      ...judged,
    })
    const text = way === 'no token' ? [] : linesOf(form, way === 'empty' ? '' : token)
    await socket.arrive(requestTo('/users/1', text))
    const [ended] = told
    const would = note.wouldRefuse
    if (ended === undefined) pool.connect()
    socket.destroy()
    if (ended !== undefined && ended.reason !== '') return `${ended.status} ${ended.reason}`
    return would === null ? 'passes' : `passes, would be ${would.reason}`
  }

  const line = `X-Okapi-Token: ${token}`
  switch (way) {
    case 'sent to it':
      await okapiCalls(id, line)
      break
    case 'in an answer to it':
      await isAnswered(id, line)
      break
    case 'in a cookie to it':
      await isAnswered(id, `Set-Cookie: folioAccessToken=${token}; Max-Age=600; Path=/; HttpOnly`)
      break
    case 'in an answer to another':
      await isAnswered(ANOTHER, line)
      break
    case 'sent to another':
      await okapiCalls(ANOTHER, line)
      break
    case 'sent to a named one':
      await okapiCalls(NAMED, line)
      break
    case 'sent by it before':
      await sends()
      break
    case 'after its life':
      await okapiCalls(id, line)
      clock.now += DAY_MS + 2000
      break
    case 'sent again in its life':
      await okapiCalls(id, line)
      clock.now += DAY_MS - HOUR_MS
      await okapiCalls(id, line)
      clock.now += DAY_MS - HOUR_MS
  }
  return sends()
}

/** A listener with a caller, whose note of the exchange can be read. */
function watched(name: ListenerName, options: ListenerOptions) {
  const pool = new MemoryPool<RequestContext>()
  const { told, handler, context } = listenerOf(name, pool.pool, options)
  const socket = new MemorySocket()
  const note = context()
  new Downstream(socket, note, handler, settingsWith(), () => {})
  return { socket, told, pool, note }
}

function requestTo(target: string, lines: readonly string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: x', 'X-Okapi-Tenant: diku', ...lines, '', ''].join(
    '\r\n',
  )
}
