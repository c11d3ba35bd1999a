/**
 * When in a call's life a refusal falls. `handshake`: nothing of the peer is parsed. `head`: the
 * upstream sees not one byte. `upstream`: the other side failed.
 */
export type Phase = 'handshake' | 'head' | 'policy' | 'capacity' | 'upstream'

export interface ReasonEntry {
  readonly status: number
  /** Other statuses under which the same reason may appear. */
  readonly also?: readonly number[]
  readonly phase: Phase
  /** What a person reads in the table; the log has the full sentence with names. */
  readonly sentence: string
  /** May a caller whose identity is not proven be told the full sentence too? */
  readonly toldToStrangers: boolean
}

/**
 * The closed table of refusals. A reason is spelled the same in log, metric label, the header
 * `X-Sidecar-Refused`, problem document, docs, `policy explain` and the probe's report.
 * Never 401: Stripes and edge modules take it for an expired session.
 */
export const REASONS = {
  'no-certificate': handshake('the peer showed no certificate'),
  'untrusted-certificate': handshake(
    'the certificate does not lead to a root of the trust bundle, or breaks its profile',
  ),
  'expired-certificate': handshake('the certificate is not valid now'),
  'revoked-certificate': handshake('the certificate stands on its issuer’s revocation list'),
  'revocation-unknown': handshake(
    'there are revocation lists, but no current one from an issuer of this certificate',
  ),
  'bad-identity': handshake('the certificate names no identity that is understood here'),

  'ambiguous-target': head(400, 'two readers could understand this request target differently'),
  'ambiguous-header': head(400, 'two readers could understand these header lines differently'),
  'malformed-request': head(400, 'this is not strict HTTP/1.1 or HTTP/1.0'),
  'version-not-supported': head(505, 'only HTTP/1.1 and HTTP/1.0 are served'),
  timeout: head(408, 'the caller did not send on in time'),
  'too-large': { ...head(431, 'more than the limits allow'), also: [413, 414] },

  'wrong-peer': policy('the peer proved another identity than the one it was called by'),
  'caller-not-allowed': policy('this caller may not call here at all'),
  'route-not-declared': policy('no descriptor declares this method and path here'),
  'interface-not-required': policy(
    'the caller’s descriptor neither requires nor lists the interface, and no grant opens it',
  ),
  'interface-version-mismatch': policy('no installed version of the interface fits the caller'),
  'admin-route': policy('Okapi’s administration is closed to this caller'),
  'forbidden-header': policy('a header that this caller must not send'),
  'tenant-not-allowed': policy('this caller may not act for this tenant'),
  'tenant-mismatch': policy('two places of the request name different tenants'),
  'token-not-seen-here': policy('this token never travelled through this module'),
  quarantined: policy('this version of the module is in quarantine'),

  'too-many': capacity(429, 'one caller has more open than it may'),
  overloaded: capacity(503, 'a limit of this sidecar is reached'),
  draining: capacity(503, 'this sidecar is shutting down'),
  'module-unavailable': capacity(503, 'the module behind this sidecar is not up'),

  'upstream-unreachable': upstream(502, 'the upstream could not be reached, or went away'),
  'upstream-untrusted': upstream(502, 'the upstream’s certificate was refused'),
  'upstream-malformed': upstream(502, 'the upstream’s answer is not strict HTTP'),
  'timeout-upstream': upstream(504, 'the upstream did not answer in time'),
} as const satisfies Record<string, ReasonEntry>

/** One of the closed set of reasons. */
export type Reason = keyof typeof REASONS

/** Every reason, in the order of the table: metrics use the index as a label's row. */
export const ALL_REASONS = Object.keys(REASONS) as readonly Reason[]

function handshake(sentence: string): ReasonEntry {
  return { status: 403, phase: 'handshake', sentence, toldToStrangers: false }
}

/** What is wrong with a message is told to whoever sent it: it discloses nothing of ours. */
function head(status: number, sentence: string): ReasonEntry {
  return { status, phase: 'head', sentence, toldToStrangers: true }
}

function policy(sentence: string): ReasonEntry {
  return { status: 403, phase: 'policy', sentence, toldToStrangers: false }
}

function capacity(status: number, sentence: string): ReasonEntry {
  return { status, phase: 'capacity', sentence, toldToStrangers: false }
}

function upstream(status: number, sentence: string): ReasonEntry {
  return { status, phase: 'upstream', sentence, toldToStrangers: false }
}
