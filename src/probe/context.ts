import type { Issuer } from '../pki/issuer.ts'
import type { DialTarget, PemPair } from './dial.ts'

/** The stolen credentials of one module of the installation. */
export interface StolenCredentials extends PemPair {
  /** The module id that the certificate names. */
  readonly id: string
}

/** Tokens that Okapi has not sent to the hijacked module, or not lately. */
export interface HarvestedTokens {
  /** Of a user whose calls did not go through it. */
  readonly user?: string
  /** Of another module. */
  readonly module?: string
  /** Sent to it longer ago than `policy.tokenSeenMs`. */
  readonly old?: string
}

/** A request to Okapi that a hijacked module answers, so that its answer can be seen. */
export interface ColludingModule {
  /** Where Okapi listens for the outside. */
  readonly endpoint: DialTarget
  /** A path of Okapi that is routed to the hijacked module. */
  readonly path: string
}

/** Where the probe answers with the stolen key in the place of the module. */
export interface Impostor {
  /** Where Okapi's sidecar looks for the module. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Where Okapi, or the listener that Okapi calls modules by, takes requests. */
  readonly endpoint: DialTarget
  /** A path there that leads to the module. */
  readonly path: string
}

/** A CA of the installation itself, to make certificates that almost fit. */
export interface ForgingAuthority {
  readonly issuer: Issuer
  /** The serial of a certificate that this CA has revoked, where there is one. */
  readonly revokedSerial?: Uint8Array
}

/** Ports beside the target's own, on the same host. */
export interface Ports {
  /** Where modules usually listen, plain. */
  readonly module: readonly number[]
  readonly egress: number
  /** Of `migration`, where there is one. */
  readonly plain: number
  readonly admin: number
  readonly status: number
}

/** A database, as a module reaches it. */
export interface DatabaseAtHand {
  /** The role of the hijacked module. */
  readonly role: string
  /** The role of another module. */
  readonly otherRole: string
  /** The one that FOLIO is in. */
  readonly database: string
  /** The server's own address, past the sidecar. */
  readonly server?: DialTarget
}

/** A Kafka cluster, as a module reaches it. */
export interface KafkaAtHand {
  /** What topics of the installation begin with: ENV of the modules. */
  readonly env: string
  readonly otherTenant: string
  /** The address of a broker, past the sidecar. */
  readonly broker?: DialTarget
}

/** All that an attack knows. It is immutable: an attack cannot spoil the next one. */
export interface Context {
  readonly target: DialTarget
  /** What the target stands in front of. */
  readonly role: 'module' | 'okapi'
  /** A GET of this path is an ordinary call at the target. */
  readonly ordinaryPath: string
  /** At Okapi: a path of an interface that the hijacked module neither requires nor lists. */
  readonly closedPath?: string
  /** A route that only Okapi's timer may call. */
  readonly timerPath: string
  /** The module id or product that the target's certificate must prove. */
  readonly expect?: string
  /** CA certificates that the target's own must lead to, PEM. */
  readonly trust?: string
  /** The trust domain whose names a forger would use. */
  readonly trustDomain: string
  /** The id that a forger would take: one that the target lets in. */
  readonly stolenId: string
  /** A certificate that the target lets in, or the best we have: for attacks that begin after that. */
  readonly accepted?: StolenCredentials
  /** What we hold of one hijacked module; none for an outsider. */
  readonly credentials?: StolenCredentials
  readonly authority?: ForgingAuthority
  /** Asks for an interface in a version that no module provides. */
  readonly mismatch?: { readonly path: string; readonly pair: PemPair }
  /** A token that travelled through the hijacked module. */
  readonly token?: string
  readonly harvested?: HarvestedTokens
  readonly colludingModule?: ColludingModule
  readonly impostor?: Impostor
  /** Then `target` is where a module's DB_HOST points. */
  readonly database?: DatabaseAtHand
  /** Then `target` is where a module's KAFKA_HOST points. */
  readonly kafka?: KafkaAtHand
  /** For calls that only read. */
  readonly tenant: string
  /** For calls that would change something: one that does not exist, unless writes are allowed. */
  readonly writeTenant: string
  readonly ports: Ports
  /** For one exchange, in milliseconds. */
  readonly timeoutMs: number
  /** How long a connection that does nothing may stay open before that is a finding. */
  readonly stallMs: number
  /** The deadline of the whole run. */
  readonly signal: AbortSignal
}

/** What many installations have. */
export const USUAL_PORTS: Ports = {
  module: [8081, 8080],
  egress: 9130,
  plain: 9131,
  admin: 9901,
  status: 9902,
}

/** A path that no module serves: an answer to it shows that it was looked for. */
export const NO_PATH = '/okapi-sidecar-probe'

/** The path that is closed to the hijacked module, or one that no module serves. */
export function closedTo({ closedPath = NO_PATH }: Context): string {
  return closedPath
}

/** The same, for calls that would change something. */
export function forWriting(context: Context): Context {
  return { ...context, tenant: context.writeTenant }
}

/** A tenant that no installation has. */
export const NO_TENANT = 'okapisidecarprobe'

export const NO_MODULE = 'mod-probe-0.0.1'
