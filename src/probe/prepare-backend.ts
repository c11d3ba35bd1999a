import { productOf } from '../folio/module-id.ts'
import { type Context, NO_MODULE, NO_PATH, NO_TENANT, USUAL_PORTS } from './context.ts'
import type { DialTarget } from './dial.ts'
import type { AttackRound } from './runner.ts'
import { readStolenCredentials, type StolenIdentity } from './stolen-credentials.ts'

/** Common options for the servers that a module reaches besides Okapi. */
interface GivenBackend {
  readonly endpoint: DialTarget
  readonly tenant: string
  /** The folder of the hijacked module's certificate. */
  readonly credentials?: string
  readonly timeoutMs: number
}

/** The options for a database. */
export interface GivenDatabase extends GivenBackend {
  readonly server?: DialTarget
  readonly role?: string
  readonly database: string
}

/** The options for a Kafka cluster. */
export interface GivenKafka extends GivenBackend {
  readonly broker?: DialTarget
  readonly env: string
}

/** One round of attacks on a database. Throws a Fault for credentials that cannot be read. */
export async function prepareDatabase(
  given: GivenDatabase,
  signal: AbortSignal,
): Promise<Omit<AttackRound, 'attacks'>> {
  const { tenant, server, database } = given
  const stolen = await stolenIn(given)
  const product = productOf(stolen?.id ?? 'mod-tags-0.0.1').replaceAll('-', '_')
  const role = given.role ?? `${tenant}_${product}`
  const login = `${tenant}_mod_login`
  const otherRole = role === login ? `${tenant}_mod_users` : login
  const context = {
    ...contextOf(given, stolen, signal),
    database: { role, otherRole, database, ...(server && { server }) },
  }
  return { as: role, context }
}

/** One round of attacks on a Kafka cluster. Throws a Fault for credentials that cannot be read. */
export async function prepareKafka(
  given: GivenKafka,
  signal: AbortSignal,
): Promise<Omit<AttackRound, 'attacks'>> {
  const { tenant, env, broker } = given
  const stolen = await stolenIn(given)
  const otherTenant = tenant === 'diku' ? 'supertenant' : 'diku'
  const context = {
    ...contextOf(given, stolen, signal),
    kafka: { env, otherTenant, ...(broker && { broker }) },
  }
  return { as: stolen?.id ?? null, context }
}

async function stolenIn({ credentials }: GivenBackend): Promise<StolenIdentity | undefined> {
  return credentials === undefined ? undefined : readStolenCredentials(credentials)
}

function contextOf(
  { endpoint, tenant, timeoutMs }: GivenBackend,
  stolen: StolenIdentity | undefined,
  signal: AbortSignal,
): Context {
  return {
    target: endpoint,
    role: 'module',
    ordinaryPath: NO_PATH,
    timerPath: NO_PATH,
    trustDomain: stolen?.trustDomain ?? 'folio.test',
    stolenId: NO_MODULE,
    tenant,
    writeTenant: NO_TENANT,
    ports: USUAL_PORTS,
    timeoutMs,
    stallMs: timeoutMs,
    signal,
    ...(stolen === undefined ? {} : { credentials: stolen }),
  }
}
