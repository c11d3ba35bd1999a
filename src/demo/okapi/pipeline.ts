import type http from 'node:http'
import { pipeline as flow } from 'node:stream/promises'
import { callModule, type Received } from './call.ts'
import { enabledFor, lookup, type OkapiState, type Step, urlOf } from './descriptor.ts'
import {
  appendRequestId,
  type HeaderFields,
  relayToRequest,
  sanitize,
  tenantOf,
  unifyToken,
} from './headers.ts'

/** A module's answer in one step. */
export interface StepSeen {
  readonly module: string
  readonly status: number
  /** It had X-Okapi-Stop: no further step runs. */
  readonly stop: boolean
  /** Names of its X-Okapi-* and Set-Cookie headers. */
  readonly said: readonly string[]
}

/** A request that Okapi answers itself. */
export class Rejected extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** ProxyService.proxy: find the steps, run them in order, answer with the handler's answer. */
export async function proxy(
  state: OkapiState,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  target: string,
  fields: HeaderFields,
  note: (seen: StepSeen) => void,
): Promise<void> {
  const method = request.method ?? ''
  const steps = prepare(state, method, target, fields, request.socket.remoteAddress ?? '')
  const tokens = new Map<string, string>()
  const callersToken = fields.get('X-Okapi-Token')
  for (const step of steps) {
    const last = step.entry.phase === undefined
    const sent = fields.copy()
    dress(sent, step, steps, tokens.get(step.module) ?? tokens.get('_') ?? callersToken)
    const url = urlOf(state, step.module)
    if (url === undefined) throw new Rejected(404, `No running module instance for ${step.module}`)
    const body = step.entry.type === 'headers' ? null : request
    const answer = await callModule(url, method, target, sent, body)
    note(seenIn(step, answer))
    if (last || answer.status < 200 || answer.status >= 300 || stops(answer)) {
      return relay(answer, sent, response)
    }
    answer.body.resume()
    if (step.entry.phase === 'auth') remember(tokens, answer.fields)
    relayToRequest(answer.fields, fields)
  }
}

/**
 * Asks the auth filter of the tenant about a call of Okapi's own administration, which is a module like
 * any other to it. Returns the filter's answer if that is a refusal.
 */
export async function askFilter(
  state: OkapiState,
  method: string,
  target: string,
  fields: HeaderFields,
  permissions: readonly string[],
): Promise<Received | undefined> {
  const wrong = unifyToken(fields)
  if (wrong !== undefined) throw new Rejected(400, wrong)
  sanitize(fields)
  const tenant = tenantOf(fields)
  const filters = (enabledFor(state, tenant) ?? []).flatMap(({ id, filters: entries = [] }) =>
    entries.some(({ phase }) => phase === 'auth') ? [id] : [],
  )
  fields.set('X-Okapi-Tenant', tenant)
  fields.set('X-Okapi-Url', state.okapiUrl)
  for (const id of filters) {
    const sent = fields.copy()
    if (permissions.length > 0) sent.set('X-Okapi-Permissions-Required', permissions.join(','))
    const url = urlOf(state, id)
    if (url === undefined) throw new Rejected(404, `No running module instance for ${id}`)
    const answer = await callModule(url, method, target, sent, null)
    if (answer.status < 200 || answer.status >= 300) return answer
    answer.body.resume()
  }
  return undefined
}

function prepare(
  state: OkapiState,
  method: string,
  target: string,
  fields: HeaderFields,
  ip: string,
): Step[] {
  const wrong = unifyToken(fields)
  if (wrong !== undefined) throw new Rejected(400, wrong)
  sanitize(fields)
  const tenant = tenantOf(fields)
  const modules = enabledFor(state, tenant)
  if (modules === undefined) throw new Rejected(400, `No such Tenant ${tenant}`)
  const steps = lookup(modules, method, target, fields.get('X-Okapi-Module-Id'))
  if (steps.length === 0) {
    throw new Rejected(404, `No suitable module found for path ${target} for tenant ${tenant}`)
  }
  if (fields.get('X-Okapi-Tenant') === undefined) fields.set('X-Okapi-Tenant', tenant)
  fields.set('X-Okapi-Url', state.okapiUrl)
  fields.set('X-Okapi-request-ip', ip)
  fields.set('X-Okapi-request-timestamp', String(Date.now()))
  fields.set('X-Okapi-request-method', method)
  fields.remove('X-Okapi-Module-Id')
  appendRequestId(fields, target)
  return steps
}

/** The headers for only one step: its token, and for the auth filter the permissions. */
function dress(
  sent: HeaderFields,
  step: Step,
  steps: readonly Step[],
  token: string | undefined,
): void {
  sent.remove('X-Okapi-Token')
  if (token !== undefined) sent.set('X-Okapi-Token', token)
  sent.set('X-Okapi-Match-Path-Pattern', step.entry.pathPattern)
  const { phase, pathPattern } = step.entry
  if (phase === undefined) return
  // ProxyService.authHeaders sanitizes again: the auth filter itself does not get a phase.
  if (phase !== 'auth') return sent.set('X-Okapi-Filter', `${phase} ${pathPattern}`)
  const entries = steps.map(({ entry }) => entry)
  const required = entries.flatMap(({ permissionsRequired = [] }) => permissionsRequired)
  const desired = entries.flatMap(({ permissionsDesired = [] }) => permissionsDesired)
  const forModules = steps.flatMap(({ module, entry }) =>
    entry.modulePermissions === undefined ? [] : [[module, entry.modulePermissions] as const],
  )
  if (required.length > 0) sent.set('X-Okapi-Permissions-Required', required.join(','))
  if (desired.length > 0) sent.set('X-Okapi-Permissions-Desired', desired.join(','))
  sent.set('X-Okapi-Module-Permissions', JSON.stringify(Object.fromEntries(forModules)))
}

/** ProxyService.authResponse: the tokens for the following steps. */
function remember(tokens: Map<string, string>, answer: HeaderFields): void {
  const given: unknown = JSON.parse(answer.get('X-Okapi-Module-Tokens') ?? '{}')
  for (const [module, token] of Object.entries(given ?? {})) tokens.set(module, String(token))
}

function stops({ fields }: Received): boolean {
  return fields.get('X-Okapi-Stop') !== undefined
}

function seenIn({ module }: Step, answer: Received): StepSeen {
  const names = answer.fields.entries().map(([name]) => name)
  const said = names.filter((name) => /^(?:x-okapi-|set-cookie$)/i.test(name))
  return { module, status: answer.status, stop: stops(answer), said }
}

/** The handler's answer, re-chunked; a token that came back unchanged is removed (RMB-478). */
export async function relay(
  { status, fields, body }: Received,
  sent: HeaderFields,
  response: http.ServerResponse,
): Promise<void> {
  sanitize(fields)
  fields.remove('Content-Length', 'Transfer-Encoding', 'Connection', 'Keep-Alive')
  if (fields.get('X-Okapi-Token') === sent.get('X-Okapi-Token')) fields.remove('X-Okapi-Token')
  response.writeHead(status, fields.raw())
  await flow(body, response)
}

/** Redirects `/_/invoke/tenant/{t}/rest`: the tenant is ADDED, which may make it a duplicate. */
export function invoked(target: string, fields: HeaderFields): string {
  const found = /^\/_\/invoke\/tenant\/([^/ ]+)(\/.*)$/.exec(target)
  if (found === null) return target
  fields.add('X-Okapi-Tenant', found[1] ?? '')
  return found[2] ?? '/'
}
