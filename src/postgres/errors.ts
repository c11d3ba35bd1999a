import type { Reason } from '../refusal/reasons.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { message } from './protocol.ts'
import { NEWEST_MINOR } from './startup.ts'

/** SQLSTATE of a refusal, which pools and drivers evaluate (PostgreSQL, appendix A). */
const SQLSTATE: Readonly<Partial<Record<Reason, string>>> = {
  'malformed-request': '08P01', // protocol_violation
  'upstream-malformed': '08P01',
  'version-not-supported': '0A000', // feature_not_supported
  'upstream-unreachable': '08001', // sqlclient_unable_to_establish_sqlconnection
  'upstream-untrusted': '08001',
  'timeout-upstream': '08001',
  overloaded: '53300', // too_many_connections
  'too-many': '53300',
  draining: '57P01', // admin_shutdown
  timeout: '57P05', // idle_session_timeout
  // A certificate of the session is no longer valid.
  'revoked-certificate': '57P01',
  'expired-certificate': '57P01',
  'untrusted-certificate': '57P01',
}
/** invalid_authorization_specification: what PostgreSQL says of roles, databases and superusers. */
const NOT_ALLOWED = '28000'

/** PostgreSQL ends a session that an administrator shuts down with these words. */
const SHUTDOWN = 'terminating connection due to administrator command'

/** A refusal as a fatal error of PostgreSQL: psql, pgjdbc and vert.x print message and hint. */
export function errorResponse({ reason, because, wouldAllow }: Refusal): Buffer {
  const said = reason === 'draining' ? SHUTDOWN : `${because} (okapi-sidecar: ${reason})`
  const fields = [
    ['S', 'FATAL'],
    ['V', 'FATAL'],
    ['C', SQLSTATE[reason] ?? NOT_ALLOWED],
    ['M', said],
    ...(wouldAllow === undefined ? [] : [['H', `it would be allowed by ${wouldAllow}`]]),
  ] as const
  const text = fields.map(([type, value]) => `${type}${value.replaceAll('\0', '')}\0`).join('')
  return message(0x45, Buffer.from(`${text}\0`))
}

/** Tells a client that the newest protocol here is 3.2, as a server does that has no newer one. */
export function negotiateProtocolVersion(): Buffer {
  const body = Buffer.alloc(8)
  body.writeUInt16BE(3, 0)
  body.writeUInt16BE(NEWEST_MINOR, 2)
  return message(0x76, body)
}
