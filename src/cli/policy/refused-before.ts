import type { Authorizer } from '../../policy/policy.ts'
import { REQUEST_NAMES } from '../../proxy/names.ts'
import { ambiguous, invokedTenant, tenantMismatch } from '../../proxy/path.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import { FLAW, requestRefusal } from '../../wire/flaws.ts'
import { parseRequestHead } from '../../wire/h1/request-head.ts'
import { Head } from '../../wire/head.ts'

/** How long a line may be is a setting of each sidecar, and no matter of policy. */
const LIMITS = { requestLineBytes: 2 ** 20, headerBytes: 2 ** 16, headerCount: 200 }

/** The request as the proxy would read it off the wire, or the refusal of what it cannot read. */
export function readRequestHead(method: string, target: string): Head | Refusal {
  // Whatever stands behind a line's end would be a header.
  if (/[\r\n]/.test(target)) return requestRefusal(FLAW.targetByte)
  const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: okapi\r\n\r\n`)
  const head = new Head()
  const code = parseRequestHead(head, bytes, 0, bytes.length, REQUEST_NAMES, LIMITS)
  return code > 0 ? head : requestRefusal(code === 0 ? FLAW.requestLine : code)
}

/** What the proxy refuses of a request that it can read, before policy is asked. */
export function refusedBefore(
  head: Head,
  judge: Authorizer,
  at: string,
  tenant: string | undefined,
): Refusal | null {
  const unclear = ambiguous(head, head.targetStart, judge)
  if (unclear !== null || at !== 'okapi' || tenant === undefined) return unclear
  const invoked = invokedTenant(head.bytes, head.targetStart, head.pathEnd)
  return invoked === undefined || invoked === tenant ? null : tenantMismatch()
}
