/**
 * The phase of a call in which it is refused. `handshake`: nothing from the peer is parsed. `head`: the
 * upstream does not get a single byte. `upstream`: the other side failed.
 */
export type Phase = 'handshake' | 'head' | 'policy' | 'capacity' | 'upstream'

export interface ReasonEntry {
  readonly status: number
  /** Other possible statuses for this reason. */
  readonly also?: readonly number[]
  readonly phase: Phase
  /** The text for tables; the log has the full sentence with names. */
  readonly sentence: string
  /**
   * Retry-After in seconds, random between these two, so that callers that were refused together do not come
   * back together (RFC 9110 section 10.2.3, RFC 6585 section 4). Only if waiting helps.
   */
  readonly retryAfter?: readonly [least: number, most: number]
  /** May an unauthenticated caller get the full sentence too? */
  readonly toldToStrangers: boolean
}

/**
 * The complete table of refusals. A reason has the same name in log, metric label, the header
 * `X-Sidecar-Refused`, problem document, docs, `policy explain` and the probe's report.
 * Never 401: Stripes and edge modules treat it as an expired session.
 */
export const REASONS = {
  'no-certificate': handshake('the peer presented no certificate'),
  'untrusted-certificate': handshake(
    'the certificate does not chain to a root of the trust bundle, or violates the certificate profile',
  ),
  'expired-certificate': handshake('the certificate has expired or is not valid yet'),
  'revoked-certificate': handshake('the certificate is listed in its issuer’s CRL'),
  'revocation-unknown': handshake(
    'CRLs are configured, but there is no current one for an issuer of this certificate',
  ),
  'bad-identity': handshake('the certificate has no identity that is accepted here'),

  'ambiguous-target': head(400, 'the request target can be read in two ways'),
  'ambiguous-header': head(400, 'the header lines can be read in two ways'),
  'malformed-request': head(400, 'the request is not strict HTTP/1.1 or HTTP/1.0'),
  'version-not-supported': head(505, 'only HTTP/1.1 and HTTP/1.0 are supported'),
  timeout: head(408, 'the caller did not send or read in time'),
  'too-large': { ...head(431, 'the request is larger than a limit allows'), also: [413, 414] },

  'wrong-peer': policy('the peer proved another identity than the expected one'),
  'caller-not-allowed': policy('this caller may not call here at all'),
  'route-not-declared': {
    ...policy('no descriptor declares this method and path'),
    // At Okapi, for a path that no installed module declares: as Okapi itself answers.
    also: [404],
  },
  'interface-not-required': policy(
    'the caller’s descriptor neither requires the interface nor lists it as optional, and no grant allows it',
  ),
  'interface-version-mismatch': policy(
    'no installed version of the interface is compatible with what the caller requires',
  ),
  'admin-route': policy('Okapi’s administration is closed to this caller'),
  'forbidden-header': policy('the request has a header that this caller must not send'),
  'tenant-not-allowed': policy('this caller may not act for this tenant'),
  'tenant-mismatch': policy('the request names two different tenants'),
  'token-not-seen-here': policy('this token has not passed through this module before'),
  quarantined: policy('this version of the module is quarantined'),
  'role-not-allowed': policy('the module may not use this database role'),
  'database-not-allowed': policy('the module may not use this database'),
  superuser: policy('the database role is a superuser, or may become one'),
  'parameter-not-allowed': policy('the start-up parameter may change who the session is'),
  'authentication-not-allowed': policy(
    'the database server does not ask for a proof that is allowed',
  ),
  'unknown-session': policy('the cancel request names no database session of this sidecar'),
  'topic-not-allowed': policy('the module may not do this with this Kafka topic'),
  'group-not-allowed': policy('the module may not be in this Kafka consumer group'),
  'transaction-not-allowed': policy('the module may not use this Kafka transactional id'),
  'api-not-allowed': policy('Kafka’s administration is closed to this module'),

  'too-many': capacity(429, [1, 3], 'this caller has reached its share of a limit'),
  overloaded: capacity(503, [1, 3], 'a limit of this sidecar is reached'),
  'audit-unavailable': capacity(503, [2, 6], 'the audit trail of this sidecar cannot be written'),
  // Another instance, or the next one, is available at once.
  draining: capacity(503, [1, 2], 'this sidecar is shutting down'),
  // The sidecar has already waited for it (limits.connectWaitMs).
  'module-unavailable': capacity(503, [2, 6], 'the module behind this sidecar is not available'),

  'upstream-unreachable': upstream(
    502,
    'the upstream could not be reached, or closed the connection',
  ),
  'upstream-untrusted': upstream(502, 'the upstream’s certificate was refused'),
  'upstream-malformed': upstream(502, 'the upstream’s response is not strict HTTP'),
  'timeout-upstream': upstream(504, 'the upstream did not respond in time'),
} as const satisfies Record<string, ReasonEntry>

/** One of the reasons. */
export type Reason = keyof typeof REASONS

/** All reasons in the order of the table: metrics use the index as a label's row. */
export const ALL_REASONS = Object.keys(REASONS) as readonly Reason[]

function handshake(sentence: string): ReasonEntry {
  return { status: 403, phase: 'handshake', sentence, toldToStrangers: false }
}

/** The sender of a message is told what is wrong with it: that discloses nothing of ours. */
function head(status: number, sentence: string): ReasonEntry {
  return { status, phase: 'head', sentence, toldToStrangers: true }
}

function policy(sentence: string): ReasonEntry {
  return { status: 403, phase: 'policy', sentence, toldToStrangers: false }
}

function capacity(
  status: number,
  retryAfter: readonly [number, number],
  sentence: string,
): ReasonEntry {
  return { status, phase: 'capacity', sentence, retryAfter, toldToStrangers: false }
}

function upstream(status: number, sentence: string): ReasonEntry {
  return { status, phase: 'upstream', sentence, toldToStrangers: false }
}
