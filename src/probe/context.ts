import type { Door, KeyPair } from './door.ts'

/** The stolen belongings of one module of the installation. */
export interface Credentials extends KeyPair {
  /** The module id that the certificate names. */
  readonly id: string
}

/** A request at Okapi's front door that a hijacked module answers, so that its answer can be seen. */
export interface Accomplice {
  /** Where Okapi listens for the outside. */
  readonly door: Door
  /** A path of Okapi that is routed to the hijacked module. */
  readonly path: string
}

/** All that an attack knows. It is immutable: an attack cannot spoil the next one. */
export interface Context {
  readonly target: Door
  /** What stands behind the door. */
  readonly role: 'module' | 'okapi'
  /** A GET of this path is an ordinary call at the target, allowed to Okapi or to the module. */
  readonly ordinaryPath: string
  /** At Okapi: a path of an interface that the hijacked module neither requires nor lists. */
  readonly closedPath: string
  /** The trust domain whose names a forger would use. */
  readonly trustDomain: string
  /** The id that a forger would take: Okapi's, for modules listen to nobody else. */
  readonly okapiId: string
  /** What we hold of one hijacked module; none for an outsider. */
  readonly credentials?: Credentials
  /** A token that travelled through the hijacked module. */
  readonly token?: string
  readonly accomplice?: Accomplice
  /** One that does not exist, unless writes are allowed. */
  readonly tenant: string
  /** For one exchange, in milliseconds. */
  readonly timeoutMs: number
  /** The deadline of the whole run. */
  readonly signal: AbortSignal
}
