import type { Caller } from './caller.ts'
import {
  allow,
  DEFAULT_RULE,
  type Decision,
  deny,
  type PolicyRequest,
  printable,
} from './decision.ts'
import { beforeRewriting, mayBeOkapiItself } from './okapi-step.ts'
import type { Authorizer, BehalfJudge, BehalfRequest } from './policy.ts'
import type { RouteTable } from './route-table.ts'
import type { Route } from './routes.ts'
import { type TrueCaller, trueCallerName } from './true-caller.ts'

/** What the judgement is made of. */
export interface BehalfOptions {
  readonly who: TrueCaller
  /** The module that Okapi calls. */
  readonly at: string
  /** The true caller as Okapi's ingress would judge it. */
  readonly bind: (caller: Caller) => Authorizer
  /** The system routes of all modules. */
  readonly system: RouteTable<Route>
  /** The modules with `multiple` interfaces. */
  readonly multiple: Iterable<string>
}

/**
 * The second decision on a call of Okapi: may the true caller make this call? By the same rules as
 * at Okapi's ingress, so that Okapi cannot turn one caller's request into another's.
 */
export class BehalfAuthorizer implements BehalfJudge {
  readonly #options: BehalfOptions
  readonly #name: string
  readonly #authorizer: Authorizer | undefined

  constructor(options: BehalfOptions) {
    const { who, bind } = options
    this.#options = options
    this.#name = trueCallerName(who)
    this.#authorizer = who.kind === 'okapi' || who.kind === 'unknown' ? undefined : bind(who)
  }

  decide(request: BehalfRequest): Decision {
    const { step } = request
    if (this.#authorizer !== undefined) return this.#asCaller(this.#authorizer, request)
    if (this.#options.who.kind === 'unknown') {
      if (step.afterwards)
        return this.#allowed(request, 'a `post` filter only sees what was answered')
      return this.#denied(request, 'Okapi’s sidecar does not say who asked')
    }
    const { method, bytes, start, end } = request
    if (mayBeOkapiItself(step, this.#options.system, method, bytes, start, end)) {
      return this.#allowed(request, 'Okapi calls system routes on its own')
    }
    return this.#denied(request, 'no caller made this call, and it is not a system route')
  }

  #asCaller(authorizer: Authorizer, request: BehalfRequest): Decision {
    const { step, method, bytes, end, tenant, preflight } = request
    const start = beforeRewriting(step, bytes, request.start, end)
    const ask = (moduleId?: string) =>
      authorizer.decide(method, bytes, start, end, tenant, moduleId, preflight)
    if (step.handled) return ask(step.multiple ? this.#options.at : undefined)
    // A filter is called for every path, and does not know which module X-Okapi-Module-Id named.
    const decision = ask()
    if (decision.allow || decision.refusal.reason !== 'route-not-declared') return decision
    for (const id of this.#options.multiple) {
      const other = ask(id)
      if (other.allow) return other
    }
    return decision
  }

  #allowed(request: BehalfRequest, why: string): Decision {
    return allow(this.#asked(request), DEFAULT_RULE, why)
  }

  #denied(request: BehalfRequest, why: string): Decision {
    return deny(this.#asked(request), 'caller-not-allowed', why, { wouldAllow: THROUGH_OKAPI })
  }

  #asked({ method, bytes, start, end }: BehalfRequest): PolicyRequest {
    const path = printable(bytes, start, end)
    return { caller: this.#name, at: this.#options.at, method, path, route: null }
  }
}

const THROUGH_OKAPI = 'the same call as part of an exchange that is open at Okapi’s sidecar'
