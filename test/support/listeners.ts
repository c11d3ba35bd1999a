import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { productOf } from '../../src/folio/module-id.ts'
import { BehalfAuthorizer } from '../../src/policy/behalf-authorizer.ts'
import type { Caller } from '../../src/policy/caller.ts'
import { compilePolicy } from '../../src/policy/compiled-policy.ts'
import type { Allow, Decision } from '../../src/policy/decision.ts'
import { descriptorSet } from '../../src/policy/descriptors.ts'
import { NO_STEP } from '../../src/policy/okapi-step.ts'
import type { Authorizer, Policy } from '../../src/policy/policy.ts'
import { RouteTable } from '../../src/policy/route-table.ts'
import type { Route } from '../../src/policy/routes.ts'
import type { TenantGuard } from '../../src/policy/tenant-guard.ts'
import type { TokenSources } from '../../src/policy/token-sources.ts'
import type { TrueCaller } from '../../src/policy/true-caller.ts'
import type { AuditedExchanges } from '../../src/proxy/audited.ts'
import { broughtMemory, TenantsBrought } from '../../src/proxy/brought-tenants.ts'
import { byModule, toOne } from '../../src/proxy/destination.ts'
import type { ModuleConcurrency } from '../../src/proxy/module-concurrency.ts'
import { OkapiUrl } from '../../src/proxy/okapi-url.ts'
import type { OpenExchanges } from '../../src/proxy/open-exchanges.ts'
import { type Destination, RequestContext, type Traits } from '../../src/proxy/request-context.ts'
import { type RequestHandlerOptions, requestHandler } from '../../src/proxy/request-handler.ts'
import type { Share } from '../../src/proxy/share.ts'
import { type ShareLimits, Shares } from '../../src/proxy/shares.ts'
import type { TokenProvenance } from '../../src/proxy/token-provenance.ts'
import { TrueCallers } from '../../src/proxy/true-callers.ts'
import type { TurnLimit } from '../../src/proxy/turn-limit.ts'
import { refuse } from '../../src/refusal/refusal.ts'
import type { Exchange, RequestHandler, Upstream } from '../../src/wire/exchange.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { Pool } from '../../src/wire/h1/pool.ts'
import { MemoryPool, settingsWith } from './engine.ts'
import { LISTENER_RULES } from './listener-rules.ts'
import { MemorySocket } from './memory-socket.ts'
import { dialTo } from './relay.ts'

export type ListenerName = keyof typeof LISTENER_RULES

/** The module that stands behind the listener of Okapi's egress. */
export const MODULE = 'mod-b-1.0.0'

const CALLERS: Record<ListenerName, Caller> = {
  ingress: { kind: 'module', id: 'okapi-7.2.0' },
  direct: { kind: 'module', id: 'mod-a-1.0.0' },
  okapi: { kind: 'module', id: 'mod-a-1.0.0' },
  egress: { kind: 'module', id: 'mod-a-1.0.0' },
  modules: { kind: 'module', id: 'okapi-7.2.0' },
  public: { kind: 'public' },
  plainToModule: { kind: 'plain' },
  plainToOkapi: { kind: 'plain' },
}

/** The guard of a policy with `tenants: off`. */
export const NO_GUARD: TenantGuard = compilePolicy({
  descriptors: descriptorSet([]),
  tenants: 'off',
}).policy!.bind({ kind: 'public' }, 'okapi').tenants

/** The questions to an authorizer. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly tenant: string | undefined
  readonly moduleId: string | undefined
}

const YES: Allow = {
  allow: true,
  caller: 'a caller',
  at: 'somewhere',
  provider: null,
  interface: null,
  route: null,
  routePattern: '/route',
  because: 'everything is allowed here',
  rule: { kind: 'default', file: null, pointer: null },
  sensitivity: 'regular',
  system: false,
  health: false,
  step: NO_STEP,
}

/** A policy that allows everything except what a test changes, and records the questions. */
export class OpenPolicy implements Policy {
  readonly hash = '0'
  readonly mode = 'enforce'
  readonly callerMode = 'off'
  readonly profiles = []
  readonly quarantined = 0
  readonly modules = []
  readonly asked: Asked[] = []
  exceptions: readonly string[] = []
  tokens: TokenSources = []
  /** What it says about `MODULE`. */
  readonly known = { authFilter: false, keepsTokens: false, seesCookies: false }
  decide: (asked: Asked) => Partial<Allow> | Decision = () => ({})
  /** The second line lets everything pass. */
  tenants: TenantGuard = NO_GUARD

  bind(): Authorizer {
    return {
      open: true,
      tokens: this.tokens,
      tenants: this.tenants,
      decide: (method, bytes, start, end, tenant, moduleId) => {
        const path = Buffer.from(bytes.subarray(start, end)).toString('latin1')
        const asked = { method, path, tenant, moduleId }
        this.asked.push(asked)
        const decision = this.decide(asked)
        return decision.allow === false ? decision : { ...YES, ...decision }
      },
      pathExceptions: () => this.exceptions,
    }
  }

  behalf(who: TrueCaller, at: string): BehalfAuthorizer {
    const system = new RouteTable<Route>([], { buckets: false })
    return new BehalfAuthorizer({ who, at, bind: () => this.bind(), system, multiple: [] })
  }

  summary(): never {
    throw new Error('no person asks this policy')
  }

  traits(id: string) {
    if (id !== MODULE && id !== 'mod-a-1.0.0' && id !== 'mod-c-1.0.0') return undefined
    return { id, product: productOf(id), ...this.known }
  }
}

/** The result of one exchange, as the recorder gets it. */
export interface Told {
  readonly status: number
  readonly reason: string
  readonly tenant: string | undefined
  readonly requestId: string | undefined
  readonly at: string
  readonly route: string
  readonly callerOutcome: string
}

export interface ListenerOptions {
  readonly policy?: OpenPolicy
  /** A policy that was compiled, in the place of the open one. */
  readonly compiled?: Policy
  /** Where exchanges are noted; nowhere unless said. */
  readonly exchanges?: OpenExchanges
  readonly okapiUrl?: OkapiUrl
  /** Of the module behind the listener, or of the callee. */
  readonly traits?: Partial<Traits>
  readonly limits?: Partial<ShareLimits>
  readonly brought?: TenantsBrought
  readonly caller?: Caller
  readonly health?: Upstream<RequestContext>
  /** What follows the module's latency; nothing unless said. */
  readonly turns?: TurnLimit
  readonly concurrency?: ModuleConcurrency
  /** Left out: there is no audit trail. */
  readonly audited?: AuditedExchanges
  /** Which tokens a module may send; left out: any. */
  readonly tokens?: TokenProvenance
  /** Where the connection comes from. */
  readonly peer?: string
}

/** Everything behind one listener but the sockets. */
export interface ListenerUnderTest {
  readonly policy: OpenPolicy
  /** The policy in force, to be replaced. */
  readonly policies: { current: Policy }
  readonly okapiUrl: OkapiUrl
  readonly told: Told[]
  readonly handler: RequestHandler<RequestContext>
  context(): RequestContext
}

/** A listener with its rules, in front of `upstream`. */
export function listenerOf(
  name: ListenerName,
  upstream: Upstream<RequestContext>,
  options: ListenerOptions = {},
): ListenerUnderTest {
  const { policy = new OpenPolicy(), okapiUrl = new OkapiUrl('http://localhost:9130') } = options
  Object.assign(policy.known, options.traits)
  const told: Told[] = []
  const places = { exchanges: 100, exchangesToModule: 100, exchangesPerCallee: 100 }
  const limits = { ...places, brokenOffPerSecond: 0, bufferedBytes: 33_554_432, ...options.limits }
  const shares = new Shares(limits, name === 'okapi', { now: 0 })
  const policies = { current: options.compiled ?? policy }
  const handled: RequestHandlerOptions = {
    okapiUrl,
    self: 'http://127.0.0.1:8081',
    trueCallers: new TrueCallers(policies, options.exchanges),
    shares,
    concurrency: options.concurrency,
    turns: options.turns,
    tokens: options.tokens,
    brought: options.brought ?? new TenantsBrought(broughtMemory(name === 'okapi')),
    health: options.health ?? NO_HEALTH,
    givesBack: () => null,
    audited: options.audited,
    record: (x: Exchange<RequestContext>) => {
      const { tenant, requestId, at, decision, callerOutcome } = x.context
      const reason = x.refused?.reason ?? ''
      const route = decision?.routePattern ?? ''
      told.push({ status: x.status, reason, tenant, requestId, at, route, callerOutcome })
    },
  }
  const caller = options.caller ?? CALLERS[name]
  const destination = destinationOf(name, upstream, policies, okapiUrl)
  const at = atModule(name) ? MODULE : 'okapi'
  const { peer = '192.0.2.7:4711' } = options
  const place = { policy: policies.current, at, upstream, share: shareOf(name, shares) }
  const listener = { ...LISTENER_RULES[name], destination }
  const context = () => new RequestContext(listener, caller, peer, place)
  return { policy, policies, okapiUrl, told, handler: requestHandler(handled), context }
}

function shareOf(name: ListenerName, shares: Shares): Share {
  const { direction } = LISTENER_RULES[name]
  if (direction === 'egress' || direction === 'modules') return shares.joined(name, 'own')
  return shares.joined(name, direction === 'ingress' ? 'proven' : 'unproven')
}

function destinationOf(
  name: ListenerName,
  upstream: Upstream<RequestContext>,
  policies: { current: Policy },
  okapiUrl: OkapiUrl,
): Destination {
  if (name === 'modules') {
    const calleeOf = (id: string) => ({ id, upstream, authority: 'b:8443' })
    return byModule({ policies, caller: CALLERS.modules, calleeOf })
  }
  const at = atModule(name) ? MODULE : 'okapi'
  const one = { policies, at, upstream, authority: 'upstream:1' }
  return toOne(name === 'egress' ? { ...one, okapiUrl } : one)
}

function atModule(name: ListenerName): boolean {
  return name === 'ingress' || name === 'direct' || name === 'plainToModule'
}

const NO_HEALTH: Upstream<RequestContext> = {
  open: (x) => x.fail(refuse('module-unavailable', 'no module is asked')),
}

/** A listener in memory: the caller's socket and the pool behind it. */
export function memoryListener(name: ListenerName, options: ListenerOptions = {}) {
  const pool = new MemoryPool<RequestContext>()
  const parts = listenerOf(name, pool.pool, options)
  const connect = () => {
    const socket = new MemorySocket()
    new Downstream(socket, parts.context(), parts.handler, settingsWith(), () => {})
    return socket
  }
  return { ...parts, pool, connect, socket: connect() }
}

/** A listener on a real socket. */
export interface RealListener extends ListenerUnderTest {
  readonly port: number
  readonly pool: Pool<RequestContext>
  close(): Promise<void>
}

/** Opens a listener in front of `upstreamPort`. */
export async function openRealListener(
  name: ListenerName,
  upstreamPort: number,
  options: ListenerOptions = {},
): Promise<RealListener> {
  const settings = settingsWith()
  const pool = new Pool<RequestContext>('upstream', dialTo(upstreamPort), settings)
  const parts = listenerOf(name, pool, options)
  const sockets = new Set<Socket>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    new Downstream(socket, parts.context(), parts.handler, settings, () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ...parts,
    pool,
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      pool.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
