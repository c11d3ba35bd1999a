import { parseArgs } from 'node:util'
import { decidingSidecars, type Explanation } from '../../analysis/explanation.ts'
import { nearest } from '../../fault/nearest.ts'
import { type Fault, fault } from '../../fault.ts'
import { isOkapi, parseModuleId, productOf, splitModuleId } from '../../folio/module-id.ts'
import { isTenantName } from '../../folio/tenant.ts'
import { type Caller, callerName, parseCaller } from '../../policy/caller.ts'
import type { Decision } from '../../policy/decision.ts'
import type { DescriptorSet } from '../../policy/descriptors.ts'
import { NO_STEP } from '../../policy/okapi-step.ts'
import type { Authorizer, Policy } from '../../policy/policy.ts'
import type { TokenSources } from '../../policy/token-sources.ts'
import {
  parseTrueCaller,
  type TrueCaller,
  trueCallerName,
  UNKNOWN_CALLER,
} from '../../policy/true-caller.ts'
import { REQUEST_NAMES } from '../../proxy/names.ts'
import { ambiguous, invokedTenant, tenantMismatch } from '../../proxy/path.ts'
import { malformedTenant } from '../../proxy/tenant.ts'
import { isRefusal, type Refusal } from '../../refusal/refusal.ts'
import { FLAW, requestRefusal } from '../../wire/flaws.ts'
import { parseRequestHead } from '../../wire/h1/request-head.ts'
import { Head } from '../../wire/head.ts'
import { paint, table, textWidth, wrap } from '../terminal.ts'
import { needed } from '../verb.ts'
import { guarded, type TokenAsked, tokenAsked } from './explain-tenant.ts'
import { policyFromOptions, resolveModule } from './sources.ts'

const EXPLAIN_HINT = 'okapi-sidecar help policy shows an example to copy'

/** Prints whether a call would pass and why; exit code 0 if allowed, 1 if refused. Throws a Fault for wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const { told, asked, json } = explain(argv)
  process.stdout.write(json ? `${JSON.stringify(told, null, 2)}\n` : explanationText(told, asked))
  return told.decision === 'allow' ? 0 : 1
}

/** The same without output. Throws a Fault for wrong usage. */
export function explain(argv: readonly string[]): {
  told: Explanation
  asked: string
  json: boolean
} {
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
      'token-tenant': { type: 'string' },
      serving: { type: 'boolean', default: false },
      via: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const named = needed('--caller', values.caller, EXPLAIN_HINT)
  const wanted = needed('--at', values.at, EXPLAIN_HINT)
  const method = needed('--method', values.method, EXPLAIN_HINT).toUpperCase()
  const target = needed('--path', values.path, EXPLAIN_HINT)
  const { policy, set } = policyFromOptions(values)
  const at = resolve(wanted, set)
  const { tenant, 'module-id': moduleId } = values
  const isInstalled = at === 'okapi' || set.modules.has(at)
  const token = tokenAsked(values['token-tenant'], values.serving)
  const question = { at, isInstalled, method, target, tenant, moduleId, token }
  const asked = `${method} ${target}`
  if (values.via !== undefined) {
    const who = onBehalfOf(named, { via: values.via, at, set })
    const told = viaOkapi(policy, okapiIn(set), who, question)
    return { told, asked, json: values.json }
  }
  const caller = callerNamed(named, set)
  const judge = policy.bind(caller, at)
  const told = answer(judge, { ...question, caller: callerName(caller) })
  return { told, asked, json: values.json }
}

/** The caller with that name in its certificate; a module needs its version. Throws a Fault. */
function callerNamed(text: string, set: DescriptorSet): Caller {
  const caller = parseCaller(text)
  if (caller.kind !== 'module' || parseModuleId(caller.id) !== undefined) return caller
  throw noCaller(text, set)
}

function noCaller(text: string, { modules }: DescriptorSet): Fault {
  const ids = [...modules.keys()]
  const near = ids.find((id) => productOf(id) === text) ?? nearest(text, ids)
  return fault(`--caller ${text}: it is not a full module id, operator/NAME or client/NAME`, {
    hint: near === undefined ? EXPLAIN_HINT : `did you mean ${near}?`,
  })
}

/** The caller behind Okapi's call, as its sidecar would report it. Throws a Fault. */
function onBehalfOf(
  caller: string,
  { via, at, set }: { via: string; at: string; set: DescriptorSet },
): TrueCaller {
  if (via !== 'okapi') throw fault(`--via ${via}: calls go via okapi, and by no other way`)
  if (at === 'okapi') {
    const hint = 'the call at Okapi’s own ingress is --at okapi without --via'
    throw fault('--via okapi goes with --at MODULE: the module that Okapi calls', { hint })
  }
  const who = caller === 'none' ? UNKNOWN_CALLER : parseTrueCaller(caller)
  if (who === undefined) throw noCaller(caller, set)
  return who
}

/** The Okapi of a set, or any. */
function okapiIn(set: DescriptorSet): Caller {
  const id = [...set.modules.keys()].find(isOkapi) ?? 'okapi-0.0.0'
  return { kind: 'module', id }
}

/** The decision of the callee's sidecar on Okapi's call with `policy.caller: enforce`: as Okapi's, then as the caller's. */
function viaOkapi(
  policy: Policy,
  okapi: Caller,
  who: TrueCaller,
  question: Omit<Question, 'caller'>,
): Explanation {
  const { at, method, target, tenant } = question
  const caller = trueCallerName(who)
  const judge = policy.bind(okapi, at)
  const asOkapi = answer(judge, { ...question, caller })
  const head = readRequestHead(method, target)
  const decidedAt = decidingSidecars(callerName(okapi), at, null)
  if (asOkapi.decision === 'refuse' || isRefusal(head)) return { ...asOkapi, caller, decidedAt }
  const { bytes, targetStart: start, pathEnd: end } = head
  const decision = judge.decide(method, bytes, start, end, undefined, undefined)
  const step = decision.allow ? decision.step : NO_STEP
  if (decision.allow && decision.health) return { ...asOkapi, caller, decidedAt }
  const judged = policy.behalf(who, at)
  const request = { step, method, bytes, start, end, tenant, preflight: true }
  const told = tell(judged.decide(request), null)
  const { provider, interface: provided, route } = asOkapi
  return { ...told, caller, at, provider, interface: provided, route, decidedAt }
}

interface Question {
  readonly caller: string
  readonly at: string
  readonly isInstalled: boolean
  readonly method: string
  readonly target: string
  readonly tenant: string | undefined
  readonly moduleId: string | undefined
  readonly token: TokenAsked
}

/** The proxy's decision, in its order: unreadable requests, ambiguous ones, policy. */
function answer(
  judge: Authorizer,
  { caller, at, isInstalled, method, target, tenant: named, moduleId, token }: Question,
): Explanation {
  const head = readRequestHead(method, target)
  const tokens = parseCaller(caller).kind === 'module' && isOkapi(at) ? judge.tokens : null
  if (isRefusal(head)) return toldBefore(head, caller, at, tokens)
  const { tokenTenant } = token
  // Without a header the token names the tenant.
  const tenant = named ?? (tokenTenant === 'none' ? undefined : tokenTenant)
  // Okapi's sidecar finds the module before it examines the path.
  const refusal = isInstalled ? refusedBefore(head, judge, at, tenant) : null
  if (refusal !== null) return toldBefore(refusal, caller, at, tokens)
  const { bytes, targetStart, pathEnd } = head
  const decision = judge.decide(method, bytes, targetStart, pathEnd, tenant, moduleId, true)
  const invoked = isOkapi(at) ? invokedTenant(bytes, targetStart, pathEnd) : undefined
  return tell(guarded(judge, decision, invoked ?? tenant, token), tokens)
}

/** A product means its only installed version; a full id means itself, installed or not. */
function resolve(at: string, set: DescriptorSet): string {
  const { product, version } = splitModuleId(at)
  // The log also uses this name, for every version.
  if (product === 'okapi') return product
  if (version !== undefined) return at
  return resolveModule('--at', at, set)
}

/** A refusal before policy, in the words of the log. */
function toldBefore(
  refusal: Refusal,
  caller: string,
  at: string,
  tokens: TokenSources | null,
): Explanation {
  return {
    decision: 'refuse',
    reason: refusal.reason,
    caller,
    at,
    provider: null,
    interface: null,
    route: null,
    rule: null,
    because: refusal.because,
    wouldAllow: refusal.wouldAllow ?? null,
    nearest: null,
    tokens,
    decidedAt: decidingSidecars(caller, at, null),
  }
}

function tell(decision: Decision, tokens: TokenSources | null): Explanation {
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
    tokens,
    decidedAt: decidingSidecars(caller, at, provider),
  }
}

/** The maximum length of a line is a setting of each sidecar, not policy. */
const LIMITS = { requestLineBytes: 2 ** 20, headerBytes: 2 ** 16, headerCount: 200 }

/** The request as the proxy would parse it, or the refusal of what it cannot parse. */
export function readRequestHead(method: string, target: string): Head | Refusal {
  // Text after a line end would be a header.
  if (/[\r\n]/.test(target)) return requestRefusal(FLAW.targetByte)
  const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: okapi\r\n\r\n`)
  const head = new Head()
  const code = parseRequestHead(head, bytes, 0, bytes.length, REQUEST_NAMES, LIMITS)
  return code > 0 ? head : requestRefusal(code === 0 ? FLAW.requestLine : code)
}

/** What the proxy refuses before policy in a request that it can parse. */
export function refusedBefore(
  head: Head,
  judge: Authorizer,
  at: string,
  tenant: string | undefined,
): Refusal | null {
  const unclear = ambiguous(head, head.targetStart, judge)
  if (unclear !== null || at !== 'okapi' || tenant === undefined) return unclear
  const invoked = invokedTenant(head.bytes, head.targetStart, head.pathEnd)
  if (invoked !== undefined && invoked !== tenant) return tenantMismatch()
  return isTenantName(tenant) ? null : malformedTenant('X-Okapi-Tenant', tenant)
}

const INDENT = '  '

/** An explanation for a person, as wide as the terminal. */
export function explanationText(told: Explanation, asked: string): string {
  const { decision, reason, caller, at, provider, route, rule } = told
  const head = decision === 'allow' ? paint('green', 'allow') : paint('red', 'refuse')
  const facts: (readonly [string, string | null])[] = [
    ['caller', caller],
    ['at', at],
    ['request', asked],
    ['route', route && `${route.methods.join(',')} ${route.pathPattern}`],
    ['interface', told.interface && `${told.interface.id} ${told.interface.version}`],
    ['provider', provider],
    [
      'rule',
      rule && (rule.file === null ? rule.kind : `${rule.kind}, ${rule.file}#${rule.pointer}`),
    ],
    ['because', told.because],
    ['allowed by', told.wouldAllow],
    ['nearest', told.nearest],
    ['tokens', decision === 'allow' ? tokensText(told) : null],
    ['decided at', told.decidedAt.join('; ')],
  ]
  const rows = facts.flatMap(([label, text]) => (text === null ? [] : cells(label, text)))
  return `${head}${reason === null ? '' : `  ${reason}`}\n\n${table(rows, INDENT)}`
}

/** With `policy.tokens` on, only these pass. */
function tokensText({ tokens, caller }: Explanation): string | null {
  if (tokens === null) return null
  if (tokens === 'any') return 'any: it signs tokens, or a grant says so'
  const own = `those that Okapi has sent to ${caller}`
  return tokens.length === 0 ? own : `${own}, or to ${tokens.join(', ')} by a grant`
}

const LABEL = 'allowed by'.length

/** One row for each line of the wrapped text. */
function cells(label: string, text: string): string[][] {
  const width = textWidth() - INDENT.length - LABEL - 2
  return wrap(text, width).map((line, i) => [i === 0 ? label.padEnd(LABEL) : '', line])
}
