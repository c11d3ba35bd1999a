import type { Problem } from '../fault.ts'
import { isTenantName } from '../folio/tenant.ts'
import { type Caller, callerName, isNamed, parseCaller, speaksAsOkapi } from './caller.ts'
import type { LineMode } from './decision.ts'
import { type RuleReader, type RuleSource, readRules } from './rule-source.ts'

/** For which tenants calls without a token are allowed: those that the module serves, or any. */
const WITHOUT_TOKEN = ['serving', 'any'] as const
export type WithoutToken = (typeof WITHOUT_TOKEN)[number]

/** For which tenants one caller may act. */
export interface TenantRule {
  readonly caller: string
  /** `serving`: those for which Okapi has called it. */
  readonly tenants: 'all' | 'serving' | ReadonlySet<string>
  readonly mode: LineMode | undefined
  readonly withoutToken: WithoutToken | undefined
  readonly why: string
}

const FIELDS = ['caller', 'tenants', 'mode', 'withoutToken', 'why']
const MODES = ['off', 'report', 'enforce'] as const

/** Reads `policy.tenantsOf`; an entry that cannot be read is an error. */
export function readTenantRules(list: readonly RuleSource[], problems: Problem[]): TenantRule[] {
  const seen = new Set<string>()
  return readRules(list, problems, (reader) => {
    reader.only(FIELDS)
    const caller = reader.text('caller')
    const { kind } = parseCaller(caller)
    if (kind === 'none' || caller.includes('*') || caller.endsWith('/')) {
      reader.fail('caller', 'caller must be a module, operator/NAME, client/NAME, public or plain')
    }
    if (seen.has(caller)) reader.fail('caller', `${caller} is listed twice`)
    seen.add(caller)
    const tenants = reader.has('tenants') ? readTenants(reader, caller) : 'all'
    const mode = reader.oneOf('mode', MODES)
    const withoutToken = reader.oneOf('withoutToken', WITHOUT_TOKEN)
    if (withoutToken !== undefined && kind !== 'module') {
      reader.fail('withoutToken', 'withoutToken is for modules')
    }
    return { caller, tenants, mode, withoutToken, why: reader.text('why') }
  })
}

/** The rule for this caller: one with its whole name before one with its product. */
export function tenantRuleFor(
  rules: readonly TenantRule[],
  caller: Caller,
): TenantRule | undefined {
  const name = callerName(caller)
  return (
    rules.find((rule) => rule.caller === name) ?? rules.find((rule) => isNamed(rule.caller, caller))
  )
}

function readTenants(reader: RuleReader, caller: string): TenantRule['tenants'] {
  const word = reader.oneOf('tenants', ['all', 'serving'], true)
  if (word === undefined) {
    const tenants = reader.texts('tenants')
    const odd = tenants.find((tenant) => !isTenantName(tenant))
    if (odd !== undefined) reader.fail('tenants', `${JSON.stringify(odd)} is not a tenant name`)
    return new Set(tenants)
  }
  const parsed = parseCaller(caller)
  if (word === 'serving' && (parsed.kind !== 'module' || speaksAsOkapi(parsed))) {
    reader.fail('tenants', 'serving is for modules, which Okapi calls')
  }
  return word
}
