import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { splitModuleId } from '../../folio/module-id.ts'
import { callerName, parseCaller } from '../../policy/caller.ts'
import type { Decision } from '../../policy/decision.ts'
import type { DescriptorSet } from '../../policy/descriptors.ts'
import type { Judge } from '../../policy/policy.ts'
import { describeOddities, EXCEPTABLE, oddities } from '../../wire/target.ts'
import { explanation, type Told } from './explanation.ts'
import { resolveModule } from './modules.ts'
import { policyOf } from './sources.ts'

/** Says whether a call would pass and why: 0 allowed, 1 refused. Throws a Fault for wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const { told, asked, json } = explain(argv)
  process.stdout.write(json ? `${JSON.stringify(told, null, 2)}\n` : explanation(told, asked))
  return told.decision === 'allow' ? 0 : 1
}

/** The same without a word on the terminal. Throws a Fault for wrong usage. */
export function explain(argv: readonly string[]): { told: Told; asked: string; json: boolean } {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      descriptors: { type: 'string' },
      grants: { type: 'string' },
      caller: { type: 'string' },
      at: { type: 'string' },
      method: { type: 'string' },
      path: { type: 'string' },
      tenant: { type: 'string' },
      'module-id': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const caller = parseCaller(needed('caller', values.caller))
  const wanted = needed('at', values.at)
  const method = needed('method', values.method).toUpperCase()
  const target = needed('path', values.path)
  const { policy, set } = policyOf(values)
  const at = resolve(wanted, set)
  const judge = policy.bind(caller, at)
  const bytes = Buffer.from(target)
  const query = bytes.indexOf('?')
  const end = query < 0 ? bytes.length : query
  const told =
    ambiguous(judge, bytes, end, callerName(caller), at) ??
    tell(judge.decide(method, bytes, 0, end, values.tenant, values['module-id']))
  return { told, asked: `${method} ${target}`, json: values.json }
}

function needed(option: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value
  throw fault(`--${option} is missing`, {
    hint: 'okapi-sidecar help policy shows an example to copy',
  })
}

/** A product stands for its one installed version; a full id for itself, installed or not. */
function resolve(at: string, set: DescriptorSet): string {
  if (at === 'okapi' || splitModuleId(at).version !== undefined) return at
  return resolveModule('--at', at, set)
}

/** What the proxy refuses before policy is asked. */
function ambiguous(
  judge: Judge,
  bytes: Buffer,
  end: number,
  caller: string,
  at: string,
): Told | undefined {
  const why = whyAmbiguous(judge, bytes, end)
  if (why === undefined) return undefined
  return {
    decision: 'refuse',
    reason: 'ambiguous-target',
    caller,
    at,
    provider: null,
    interface: null,
    route: null,
    rule: null,
    because: `${caller} is refused before policy is asked: the request target ${why}`,
    wouldAllow: 'a path without it, or policy.pathExceptions where an API needs it',
    nearest: null,
  }
}

function whyAmbiguous(judge: Judge, bytes: Buffer, end: number): string | undefined {
  if (bytes[0] !== 0x2f) return 'does not begin with /'
  if (bytes.some((byte) => byte < 0x21 || byte > 0x7e)) return 'is not visible ASCII'
  let odd = oddities(bytes, 0, end)
  if (odd === 0) return undefined
  for (const token of judge.pathExceptions(bytes, 0, end)) odd &= ~(EXCEPTABLE[token] ?? 0)
  return odd === 0 ? undefined : `holds ${describeOddities(odd)}`
}

function tell(decision: Decision): Told {
  const { caller, at, provider, interface: provided, route, rule, because } = decision
  const refusal = decision.allow ? decision.wouldRefuse : decision.refusal
  return {
    decision: decision.allow ? 'allow' : 'refuse',
    reason: refusal?.reason ?? null,
    caller,
    at,
    provider,
    interface: provided,
    route,
    rule,
    because,
    wouldAllow: refusal?.wouldAllow ?? null,
    nearest: decision.allow ? null : decision.nearest,
  }
}
