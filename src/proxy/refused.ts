import { STATUS_CODES } from '../observe/node-http.ts'
import { REASONS, type Reason, type ReasonEntry } from '../refusal/reasons.ts'
import { problemDocument, type Refusal, refusalLines } from '../refusal/refusal.ts'
import { HEAD_METHOD, type Head } from '../wire/head.ts'
import { NAME } from './names.ts'
import type { RequestContext } from './request-context.ts'

interface Asked {
  readonly context: RequestContext
  readonly method: number
  readonly version: number
}

/**
 * The reasons that a module's sidecar may give at its mutual TLS port. Those of an egress, or for
 * callers of other modules, are not among them.
 */
const AT_MODULE: ReadonlySet<string> = new Set<Reason>([
  ...(['no-certificate', 'untrusted-certificate', 'expired-certificate'] as const),
  ...(['revoked-certificate', 'revocation-unknown', 'bad-identity'] as const),
  ...(['ambiguous-target', 'ambiguous-header', 'malformed-request'] as const),
  ...(['version-not-supported', 'timeout', 'too-large'] as const),
  ...(['caller-not-allowed', 'route-not-declared', 'forbidden-header'] as const),
  ...(['tenant-not-allowed', 'quarantined'] as const),
  ...(['too-many', 'overloaded', 'audit-unavailable', 'draining'] as const),
  ...(['module-unavailable'] as const),
  ...(['upstream-unreachable', 'upstream-malformed', 'timeout-upstream'] as const),
])

/**
 * The reason that a module's sidecar gives in this answer. A module cannot forge it, because its
 * sidecar removes it. A process with the module's key can, and counts as that module. So only
 * reasons of a module's sidecar are accepted, once and with the right status. The only effect is
 * that Okapi may try again, which a broken connection has as well.
 */
export function refusedByCallee(head: Head): Reason | undefined {
  const reason = refusedBeyond(head)
  if (reason === '' || !AT_MODULE.has(reason)) return undefined
  const { status, also = [] }: ReasonEntry = REASONS[reason]
  return head.status === status || also.includes(head.status) ? reason : undefined
}

/**
 * The reason in X-Sidecar-Refused, from any sender; '' if there is none, or several. Only for the
 * log: without it the status of another sidecar's refusal looks like one of the module.
 */
export function refusedBeyond(head: Head): Reason | '' {
  if (!head.has(NAME.refused)) return ''
  let reason = ''
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] !== NAME.refused) continue
    if (reason !== '') return ''
    reason = head.value(line)
  }
  return isReason(reason) ? reason : ''
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text)
}

/** The complete response of a refusal. */
export function refusalResponse(asked: Asked, refusal: Refusal, close: boolean): Buffer {
  const { context } = asked
  const { status } = refusal
  context.requestId ??= crypto.randomUUID()
  const { requestId } = context
  const document = documentOf(refusal, context.proven, requestId)
  const lines = [...refusalLines(refusal)]
  // Without it a browser's page only gets "failed to fetch".
  if (context.origin !== undefined) {
    lines.push(`Access-Control-Allow-Origin: ${context.origin}`)
    lines.push('Access-Control-Expose-Headers: X-Sidecar-Refused, Retry-After')
    lines.push('Vary: Origin')
  }
  return response(asked, status, 'application/problem+json', document, lines, close)
}

/**
 * The answer to Okapi's discovery about an unhealthy module. Okapi treats every answer as healthy,
 * and if a connection just ends it fails for all modules at once, because such an error has no
 * cause (okapi-core DiscoveryManager.health). An answer whose length is not a number is neither:
 * Netty's error has a cause with this text, and Okapi shows it as the healthMessage.
 */
export function unhealthy({ reason, status }: Refusal): Buffer {
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`
  return Buffer.from(`${line}\r\nContent-Length: 0-${reason}\r\nConnection: close\r\n\r\n`)
}

/** A whole response of our own. */
export function response(
  { method, version }: Asked,
  status: number,
  type: string,
  body: string,
  more: readonly string[],
  close: boolean,
): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Date: ${httpDate(Date.now())}`,
    ...more,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(close ? ['Connection: close'] : version === 10 ? ['Connection: keep-alive'] : []),
    '\r\n',
  ].join('\r\n')
  return Buffer.from(method === HEAD_METHOD ? head : head + body)
}

/** A shared refusal object is sent very often under overload: its document is made once. */
const document = { of: undefined as Refusal | undefined, proven: false, before: '', after: '' }
const WITHOUT_ID = '"requestId":""'

function documentOf(refusal: Refusal, proven: boolean, requestId: string): string {
  if (document.of !== refusal || document.proven !== proven) {
    const text = problemDocument(refusal, { proven, requestId: '' })
    const at = text.indexOf(WITHOUT_ID) + WITHOUT_ID.length
    document.before = text.slice(0, at - 2)
    document.after = text.slice(at)
    document.of = refusal
    document.proven = proven
  }
  return `${document.before}${JSON.stringify(requestId)}${document.after}`
}

let second = Number.NaN
let dateOfSecond = ''

/** The value of Date (RFC 9110 section 5.6.7); computed once a second. */
function httpDate(timeMs: number): string {
  const at = Math.floor(timeMs / 1000)
  if (at !== second) {
    second = at
    dateOfSecond = new Date(timeMs).toUTCString()
  }
  return dateOfSecond
}
