import { productOf } from '../folio/module-id.ts'
import type { Reason } from '../refusal/reasons.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Allow, Deny, Rule, Sensitivity } from './decision.ts'
import type { Route } from './routes.ts'
import { idOf } from './world.ts'

/** Who asks where, and for what, as sentences put it. */
export interface Asked {
  readonly caller: string
  readonly at: string
  readonly method: string
  /** The pattern where one is known, else the raw path. */
  readonly path: string
  /** The route the answer is about; null where none matched. */
  readonly route: Route | null
}

const MAX_SHOWN = 200

/** No rule was needed. */
export const BY_DEFAULT: Rule = { kind: 'default', file: null, pointer: null }

interface Extra {
  readonly sensitivity?: Sensitivity
  readonly system?: boolean
  readonly health?: boolean
  readonly wouldRefuse?: Refusal
}

/** `CALLER may METHOD PATH: REASON`, as an Allow. */
export function allow(asked: Asked, rule: Rule, reason: string, extra: Extra = {}): Allow {
  const { sensitivity = 'regular', system = false, health = false, wouldRefuse } = extra
  return {
    allow: true,
    ...facts(asked),
    rule,
    because: `${asked.caller} may ${requestText(asked)}: ${reason}`,
    sensitivity,
    system,
    health,
    ...(wouldRefuse === undefined ? {} : { wouldRefuse }),
  }
}

/** `CALLER may not METHOD PATH: WHY`, as a Deny. `nearest` is looked for only when it is read. */
export function deny(
  asked: Asked,
  reason: Reason,
  why: string,
  more: { wouldAllow?: string; nearest?: () => string | null } = {},
): Deny {
  return denyWith(asked, reason, `${asked.caller} may not ${requestText(asked)}: ${why}`, more)
}

/** A Deny whose sentence is given whole. */
export function denyWith(
  asked: Asked,
  reason: Reason,
  because: string,
  { wouldAllow, nearest }: { wouldAllow?: string; nearest?: () => string | null } = {},
): Deny {
  return {
    allow: false,
    ...facts(asked),
    rule: null,
    because,
    refusal: refuse(reason, because, wouldAllow === undefined ? {} : { wouldAllow }),
    get nearest() {
      return nearest?.() ?? null
    },
  }
}

/** `it is in interface \`users\` 16.5 of mod-users-19.7.0`; `others`: how many more may answer. */
export function standsIn(route: Route, others = 0): string {
  const provider = idOf(route.module)
  const more = others === 0 ? '' : ` (${others} more may answer)`
  if (route.interface === null) return `it is a filter of ${provider}${more}`
  const { id, version } = route.interface
  return `it is in interface \`${id}\` ${version} of ${provider}${more}`
}

/** Modules are called by product in the second half of a sentence. */
export function shortName(caller: string): string {
  return caller.includes('/') ? caller : productOf(caller)
}

/** Raw bytes as a person may see them: visible ASCII, cut. */
export function shown(bytes: Uint8Array, start: number, end: number): string {
  const cut = Math.min(end, start + MAX_SHOWN)
  const text = Buffer.from(bytes.subarray(start, cut)).toString('latin1')
  const visible = text.replace(/[^\x21-\x7e]/g, '?')
  return cut < end ? `${visible}...` : visible
}

function requestText({ method, path }: Asked): string {
  return `${method.length > 32 ? `${method.slice(0, 32)}...` : method} ${path}`
}

function facts({ caller, at, route }: Asked) {
  return {
    caller,
    at,
    provider: route === null ? null : idOf(route.module),
    interface: route?.interface
      ? { id: route.interface.id, version: route.interface.version }
      : null,
    route: route === null ? null : { methods: route.methods, pathPattern: route.pattern.text },
    routePattern: route === null ? '' : route.pattern.text,
  }
}
