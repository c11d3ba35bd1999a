import { Credentials } from '../../../src/credentials/credentials.ts'
import type { Generation } from '../../../src/credentials/generation.ts'
import type { Caller } from '../../../src/policy/caller.ts'
import type { Decision } from '../../../src/policy/decision.ts'
import { NO_STEP } from '../../../src/policy/okapi-step.ts'
import type { Authorizer, Policy } from '../../../src/policy/policy.ts'
import { ACTION, AT_OKAPI } from '../../../src/proxy/header-tables.ts'
import { TokenProvenance } from '../../../src/proxy/token-provenance.ts'
import { Listeners } from '../../../src/sidecar/listeners.ts'
import { Policies } from '../../../src/sidecar/policies.ts'
import { LiveSet } from '../../../src/transport/live-set.ts'
import type { Identity } from '../../../src/trust/identity.ts'
import { labelOf } from '../../../src/trust/pin.ts'
import { Exchange } from '../../../src/wire/exchange.ts'
import { ResponseReader } from '../../../src/wire/link/response-reader.ts'
import { EXCEPTABLE } from '../../../src/wire/target.ts'
import { LISTENER_RULES } from '../../support/listener-rules.ts'

/** Takes one rule out of the product, and gives back how to put it in again. No setting can do this. */
export type TurnOff = () => () => void

/** A listener takes a kind of header line as it comes; Okapi’s unless another table is given. */
export function headersPass(id: number, table: Uint8Array = AT_OKAPI): TurnOff {
  return () => {
    const before = Uint8Array.from(table)
    table[id] = ACTION.pass
    return () => table.set(before)
  }
}

/** One word of a listener’s row is another. */
export function doorSays<K extends keyof typeof LISTENER_RULES>(
  name: K,
  other: Partial<{ judgesTenant: boolean; userId: number; tokenCookies: number }>,
): TurnOff {
  return () => {
    const { judgesTenant, ...request } = other
    const endpoint: { judgesTenant: boolean; request: object } = LISTENER_RULES[name]
    const before = { ...endpoint }
    endpoint.request = { ...endpoint.request, ...request }
    if (judgesTenant !== undefined) endpoint.judgesTenant = judgesTenant
    return () => Object.assign(endpoint, before)
  }
}

/** A module may send whatever token it has. */
export const tokensPass: TurnOff = () => {
  const before = Object.getOwnPropertyDescriptor(TokenProvenance.prototype, 'judge')!
  TokenProvenance.prototype.judge = () => null
  return () => Object.defineProperty(TokenProvenance.prototype, 'judge', before)
}

/** Two rules less. */
export function both(one: TurnOff, other: TurnOff): TurnOff {
  return () => {
    const back = [one(), other()]
    return () => {
      for (const on of back.reverse()) on()
    }
  }
}

/** The policy’s judge of calls is another. */
export function judgeIs(other: (judge: Authorizer) => Partial<Authorizer>): TurnOff {
  return () => {
    const honest = Object.getOwnPropertyDescriptor(Policies.prototype, 'current')!
    const weak = new WeakMap<Policy, Policy>()
    Object.defineProperty(Policies.prototype, 'current', {
      configurable: true,
      get() {
        const policy: Policy = honest.get?.call(this)
        const known = weak.get(policy)
        if (known !== undefined) return known
        const made = new Proxy(policy, {
          get(of, name) {
            if (name === 'bind') {
              return (caller: Caller, at: string) => weakened(of.bind(caller, at), other)
            }
            const value: unknown = Reflect.get(of, name, of)
            return typeof value === 'function' ? value.bind(of) : value
          },
        })
        weak.set(policy, made)
        return made
      },
    })
    return () => Object.defineProperty(Policies.prototype, 'current', honest)
  }
}

function weakened(
  judge: Authorizer,
  other: (judge: Authorizer) => Partial<Authorizer>,
): Authorizer {
  return {
    open: true,
    tokens: judge.tokens,
    tenants: judge.tenants,
    decide: (...call) => judge.decide(...call),
    pathExceptions: (...path) => judge.pathExceptions(...path),
    ...other(judge),
  }
}

/** Whatever was asked may be asked. */
export function everythingAllowed(judge: Authorizer): Partial<Authorizer> {
  return {
    decide: (...call): Decision => {
      const decision = judge.decide(...call)
      if (decision.allow) return decision
      const { refusal: _refusal, nearest: _nearest, ...facts } = decision
      const rule = { kind: 'default', file: null, pointer: null } as const
      const allow = { allow: true, sensitivity: 'regular', system: false, health: false } as const
      const step = NO_STEP
      return { ...facts, ...allow, step, rule }
    },
  }
}

/** Every oddity of a path is excepted that an operator could except. */
export function everyPathExcepted(): Partial<Authorizer> {
  return { pathExceptions: () => Object.keys(EXCEPTABLE) }
}

/** Every chain that OpenSSL verified counts as this caller: no name is read, no profile held to. */
export function chainIsEnough(as: Identity): TurnOff {
  return () => {
    const honest = Listeners.prototype.mutual
    Listeners.prototype.mutual = function (address, accepted) {
      const { authentication } = this
      const handshake = {
        identity: as,
        spkiSha256: '',
        issued: [],
        trusted: [],
        notAfter: Number.POSITIVE_INFINITY,
      }
      const record = () => ({ handshake, generation: 0 })
      const weak = Object.create(authentication, {
        authenticator: { value: () => as },
        live: { value: new LiveSet({ peerKey: labelOf, record }) },
        material: { value: authentication.material },
        isLate: { value: () => false },
      })
      return honest.call(this, address, accepted, weak)
    }
    return () => {
      Listeners.prototype.mutual = honest
    }
  }
}

/** Revocation lists are not asked, neither by OpenSSL nor by us. */
export const noLists: TurnOff = () => {
  const { prototype } = Credentials
  const honest = Object.getOwnPropertyDescriptor(prototype, 'current')!
  const weak = new WeakMap<Generation, Generation>()
  Object.defineProperty(prototype, 'current', {
    configurable: true,
    get() {
      const generation: Generation = honest.get?.call(this)
      const made = weak.get(generation) ?? { ...generation, crls: [], crlPems: [] }
      weak.set(generation, made)
      return made
    },
  })
  return () => Object.defineProperty(prototype, 'current', honest)
}

/** A 1xx in HTTP/1.1 refuses a link, and a connection goes on in the middle of a body. */
export const interimsRefuse: TurnOff = () => {
  const { done } = Exchange.prototype
  const honest = Object.getOwnPropertyDescriptor(ResponseReader.prototype, 'isInterim')!
  Object.defineProperty(ResponseReader.prototype, 'isInterim', {
    configurable: true,
    get: () => false,
  })
  Exchange.prototype.done = function () {
    if (!this.answered) this.requestDone = true
    done.call(this)
  }
  return () => {
    Exchange.prototype.done = done
    Object.defineProperty(ResponseReader.prototype, 'isInterim', honest)
  }
}
