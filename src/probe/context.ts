import type { Issuer } from '../pki/issuer.ts'
import type { DialTarget, PemPair } from './dial.ts'

/** The stolen credentials of one module of the installation. */
export interface StolenCredentials extends PemPair {
  /** The module id that the certificate names. */
  readonly id: string
}

/** Tokens that Okapi has not sent to the hijacked module, or not lately. */
export interface HarvestedTokens {
  /** The token of a user whose calls did not go through it. */
  readonly user?: string
  /** The token of another module. */
  readonly module?: string
  /** A token sent to it longer ago than `policy.tokenSeenMs`. */
  readonly old?: string
}

/** A request to Okapi that a hijacked module answers, so that its answer can be seen. */
export interface ColludingModule {
  /** Where Okapi listens for the outside. */
  readonly endpoint: DialTarget
  /** A path of Okapi that is routed to the hijacked module. */
  readonly path: string
}

/** Where the probe answers with the stolen key instead of the module. */
export interface Impostor {
  /** Where Okapi's sidecar looks for the module. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Where Okapi, or the listener through which Okapi calls modules, takes requests. */
  readonly endpoint: DialTarget
  /** A path there that is routed to the module. */
  readonly path: string
}

/** A CA of the installation itself, to make certificates that are almost right. */
export interface ForgingAuthority {
  readonly issuer: Issuer
  /** The serial number of a certificate that this CA has revoked, if there is one. */
  readonly revokedSerial?: Uint8Array
}

/** Other ports on the target's host. */
export interface Ports {
  /** Where modules usually listen, plain. */
  readonly module: readonly number[]
  readonly egress: number
  /** The port of `migration`, if there is one. */
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
  /** The name of FOLIO's database. */
  readonly database: string
  /** The server's own address, past the sidecar. */
  readonly server?: DialTarget
}

/** A Kafka cluster, as a module reaches it. */
export interface KafkaAtHand {
  /** The prefix of the installation's topics: ENV of the modules. */
  readonly env: string
  readonly otherTenant: string
  /** The address of a broker, past the sidecar. */
  readonly broker?: DialTarget
}

/** Everything that an attack knows. Immutable, so that an attack cannot influence the next one. */
export interface Context {
  readonly target: DialTarget
  /** What the target protects. */
  readonly role: 'module' | 'okapi'
  /** A GET of this path is an ordinary call at the target. */
  readonly ordinaryPath: string
  /** At Okapi: a path of an interface that the hijacked module neither requires nor lists. */
  readonly closedPath?: string
  /** A route that only Okapi's timer may call. */
  readonly timerPath: string
  /** The module id or product that the target's certificate must prove. */
  readonly expect?: string
  /** CA certificates that the target's certificate must chain to, PEM. */
  readonly trust?: string
  /** The trust domain for forged names. */
  readonly trustDomain: string
  /** The id for forged names: one that the target lets in. */
  readonly stolenId: string
  /** A certificate that the target lets in, or the best available one, for attacks after the handshake. */
  readonly accepted?: StolenCredentials
  /** The stolen credentials of one hijacked module; none for an outsider. */
  readonly credentials?: StolenCredentials
  readonly authority?: ForgingAuthority
  /** A caller that requires an interface in a version that no module provides. */
  readonly mismatch?: { readonly path: string; readonly pair: PemPair }
  /** A token that passed through the hijacked module. */
  readonly token?: string
  readonly harvested?: HarvestedTokens
  readonly colludingModule?: ColludingModule
  readonly impostor?: Impostor
  /** If given, `target` is where a module's DB_HOST points. */
  readonly database?: DatabaseAtHand
  /** If given, `target` is where a module's KAFKA_HOST points. */
  readonly kafka?: KafkaAtHand
  /** For calls that only read. */
  readonly tenant: string
  /** For calls that would change something: one that does not exist, unless writes are allowed. */
  readonly writeTenant: string
  readonly ports: Ports
  /** For one exchange, in milliseconds. */
  readonly timeoutMs: number
  /** How long an idle connection may stay open before that is a finding. */
  readonly stallMs: number
  /** The deadline of the whole run. */
  readonly signal: AbortSignal
}

/** Common values. */
export const USUAL_PORTS: Ports = {
  module: [8081, 8080],
  egress: 9130,
  plain: 9131,
  admin: 9901,
  status: 9902,
}

/** A path that no module serves: an answer shows that the server looked for it. */
export const NO_PATH = '/okapi-sidecar-probe'

/** A path that is closed to the hijacked module, or one that no module serves. */
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
