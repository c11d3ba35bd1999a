import { fault } from '../fault.ts'
import { isOkapi, productOf } from '../folio/module-id.ts'
import {
  type Context,
  type ForgingAuthority,
  type HarvestedTokens,
  type Impostor,
  NO_MODULE,
  NO_PATH,
  NO_TENANT,
  type Ports,
} from './context.ts'
import type { DialTarget, PemPair } from './dial.ts'
import { forged, moduleUri } from './forge.ts'
import { getPath, type KnownModules, readKnownModules, timerPath } from './known-modules.ts'
import type { AttackRound } from './runner.ts'
import {
  readAuthority,
  readStolenCredentials,
  readTrust,
  type StolenIdentity,
} from './stolen-credentials.ts'

/** The options of a run, checked but otherwise as typed. */
export interface Given {
  readonly endpoint: DialTarget
  readonly expect?: string
  readonly atOkapi: boolean
  readonly trust?: string
  readonly credentials: readonly string[]
  readonly ca?: string
  readonly descriptors?: string
  readonly path?: string
  readonly tenant?: string
  readonly token?: string
  readonly harvested?: HarvestedTokens
  readonly allowWrites: boolean
  readonly ports: Ports
  readonly timeoutMs: number
  readonly stallMs: number
  readonly impostor?: Impostor
}

const NO_OKAPI = 'okapi-7.2.0'

/** Reads the files that the options name and makes one round for each caller. Throws a Fault for errors. */
export async function prepare(
  given: Given,
  signal: AbortSignal,
): Promise<readonly Omit<AttackRound, 'attacks'>[]> {
  const credentials = await Promise.all(given.credentials.map(readStolenCredentials))
  const authority = given.ca === undefined ? undefined : await readAuthority(given.ca)
  const installation =
    given.descriptors === undefined ? undefined : readKnownModules(given.descriptors)
  const trust = given.trust === undefined ? undefined : await readTrust(given.trust)
  const trustDomain = authority?.trustDomain ?? credentials[0]?.trustDomain ?? 'folio.test'
  const known = { installation, authority, trustDomain }
  // Okapi's own certificate is not a stolen one: it is the one that a module's ingress lets in.
  const okapi = credentials.find(({ id }) => isOkapi(id))
  const stolen = credentials.filter((one) => one !== okapi)
  const rogues = stolen.length > 0 ? stolen : [await madeRogue(known)]
  return Promise.all(
    rogues.map(async (rogue) => {
      const context = await contextOf(given, known, rogue, okapi, signal)
      const more = { ...(trust === undefined ? {} : { trust }), ...(await mismatch(known)) }
      return { as: rogue?.id ?? null, context: { ...context, ...more } }
    }),
  )
}

interface Known {
  readonly installation: KnownModules | undefined
  readonly authority: ForgingAuthority | undefined
  readonly trustDomain: string
}

type Rogue = Pick<StolenIdentity, 'id' | 'cert' | 'key'> & { readonly directory?: string }

/** With a CA of the installation, a certificate issued for a module is as good as a stolen one. */
async function madeRogue({ installation, authority, trustDomain }: Known) {
  if (authority === undefined) return undefined
  const id = installation?.anyModule?.id.id ?? NO_MODULE
  return { id, ...(await made(authority, trustDomain, id)) }
}

function made({ issuer }: ForgingAuthority, trustDomain: string, id: string): Promise<PemPair> {
  return forged(issuer, { commonName: id, names: [moduleUri(trustDomain, id)] })
}

async function mismatch({ installation, authority, trustDomain }: Known) {
  const found = installation?.mismatch()
  if (found === undefined || authority === undefined) return {}
  return { mismatch: { path: found.path, pair: await made(authority, trustDomain, found.caller) } }
}

async function contextOf(
  given: Given,
  known: Known,
  rogue: Rogue | undefined,
  okapi: StolenIdentity | undefined,
  signal: AbortSignal,
): Promise<Context> {
  const { installation, authority, trustDomain } = known
  const role = given.atOkapi ? 'okapi' : 'module'
  const okapiId = okapi?.id ?? installation?.okapi ?? NO_OKAPI
  const rogues = rogue === undefined ? undefined : installation?.module(rogue.id)
  const target = given.atOkapi ? rogues : installation?.module(given.expect ?? '')
  const closed = rogues === undefined ? undefined : installation?.closedTo(rogues)
  const tenant = given.tenant ?? NO_TENANT
  // Without an accepted caller, an authenticated one still gets further than one without a certificate.
  const accepted = role === 'okapi' ? rogue : ((await passOf(known, okapi, okapiId)) ?? rogue)
  return {
    target: given.endpoint,
    role,
    ordinaryPath: given.path ?? (target === undefined ? undefined : getPath(target)) ?? NO_PATH,
    timerPath: (target === undefined ? undefined : timerPath(target)) ?? '/users/expire/timer',
    trustDomain,
    stolenId: role === 'module' ? okapiId : (rogue?.id ?? NO_MODULE),
    tenant,
    writeTenant: given.allowWrites ? tenant : NO_TENANT,
    ports: given.ports,
    timeoutMs: given.timeoutMs,
    stallMs: given.stallMs,
    signal,
    ...(closed === undefined ? {} : { closedPath: closed }),
    ...(given.expect === undefined ? {} : { expect: given.expect }),
    ...(accepted === undefined ? {} : { accepted }),
    ...(rogue === undefined ? {} : { credentials: rogue }),
    ...(authority === undefined ? {} : { authority }),
    ...(given.token === undefined ? {} : { token: given.token }),
    ...(given.harvested === undefined ? {} : { harvested: given.harvested }),
    ...(given.impostor === undefined ? {} : { impostor: given.impostor }),
  }
}

async function passOf(
  { authority, trustDomain }: Known,
  okapi: StolenIdentity | undefined,
  id: string,
) {
  if (okapi !== undefined || authority === undefined) return okapi
  return { id, ...(await made(authority, trustDomain, id)) }
}

/** The target is Okapi by --at, or by the identity that it must prove. */
export function isAtOkapi(at: string | undefined, expect: string | undefined): boolean {
  if (at !== undefined && at !== 'okapi' && at !== 'module') {
    throw fault(`--at takes okapi or module, not ${at}`)
  }
  return at === 'okapi' || (at === undefined && productOf(expect ?? '') === 'okapi')
}
