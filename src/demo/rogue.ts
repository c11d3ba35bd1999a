import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attack } from '../probe/attack.ts'
import { attackById } from '../probe/attacks.ts'
import { type Context, USUAL_PORTS } from '../probe/context.ts'
import type { AttackOutcome } from '../probe/finding.ts'
import { prepareDatabase } from '../probe/prepare-backend.ts'
import type { DemoCluster } from './cluster.ts'
import { type DemoDatabase, FOLIO_DATABASE, TAGS_ROLE } from './database.ts'
import { type Member, MODULES, OKAPI, TENANT, TRUST_DOMAIN } from './members.ts'
import type { StepSeen } from './okapi/pipeline.ts'

/** An attack of the rogue, its target, and the required outcome. */
interface PlannedTrial {
  readonly id: string
  readonly attack: Attack
  readonly on: Member
  /** Past the sidecar, at the module's own port, as if there were no sidecar. */
  readonly bare?: boolean
  /** Uses the token of a timer job, which names no user, instead of the one from Anna's call. */
  readonly asJob?: boolean
}

const PLANNED_TRIALS: readonly PlannedTrial[] = [
  {
    id: 'authtoken-direct-bare',
    attack: attackById('authtoken-direct'),
    on: MODULES.authtoken,
    bare: true,
  },
  {
    id: 'authtoken-sign-bare',
    attack: attackById('authtoken-sign'),
    on: MODULES.authtoken,
    bare: true,
  },
  { id: 'authtoken-direct', attack: attackById('authtoken-direct'), on: MODULES.authtoken },
  { id: 'authtoken-sign', attack: attackById('authtoken-sign'), on: MODULES.authtoken },
  { id: 'no-certificate', attack: attackById('no-certificate'), on: MODULES.users },
  { id: 'foreign-ca', attack: attackById('foreign-ca'), on: MODULES.users },
  { id: 'wrong-module', attack: attackById('wrong-module'), on: MODULES.users },
  { id: 'tenant-purge', attack: attackById('tenant-purge'), on: MODULES.users },
  { id: 'admin-import-sql', attack: attackById('admin-import-sql'), on: MODULES.users },
  { id: 'interface-not-required', attack: attackById('interface-not-required'), on: OKAPI },
  { id: 'okapi-proxy-tenants', attack: attackById('okapi-proxy-tenants'), on: OKAPI },
  { id: 'forged-user-id', attack: attackById('forged-user-id'), on: OKAPI, asJob: true },
  { id: 'forged-permissions', attack: attackById('forged-permissions'), on: OKAPI },
  { id: 'path-encoded-slash', attack: attackById('path-encoded-slash'), on: OKAPI },
  { id: 'smuggle-cl-te', attack: attackById('smuggle-cl-te'), on: OKAPI },
  { id: 'response-okapi-stop', attack: attackById('response-okapi-stop'), on: MODULES.tags },
]

/** How one attack ended. */
export interface Trial {
  readonly id: string
  readonly title: string
  readonly target: string
  readonly expected: AttackOutcome
  readonly outcome: AttackOutcome
  readonly reason: string | null
  readonly because: string
  /** The text in a table if there is no reason. */
  readonly note: string
  /** What arrived where nothing may arrive: a proof that does not depend on answers. */
  readonly arrived: number
}

/** Judged by what arrives at Okapi in the hijacked module's answer. */
const ANSWER = 'response-okapi-stop'
const TIMEOUT_MS = 5000

/** Runs all trials one by one, with everything that a hijacked mod-tags has. */
export async function runTrials(cluster: DemoCluster, signal: AbortSignal): Promise<Trial[]> {
  const directory = join(cluster.certs, MODULES.tags)
  const cert = await readFile(join(directory, 'tls.crt'), 'utf8')
  const key = await readFile(join(directory, 'tls.key'), 'utf8')
  const authtoken = cluster.processes.get(MODULES.authtoken)!.child
  const trials: Trial[] = []
  for (const attempt of PLANNED_TRIALS) {
    if (signal.aborted) break
    const token = String(await authtoken.ask(attempt.asJob === true ? 'jobsToken' : 'annasToken'))
    const credentials = { id: MODULES.tags, cert, key }
    const context = {
      ...contextOf(cluster, attempt),
      credentials,
      accepted: credentials,
      token,
      signal,
    }
    trials.push(await runTrial(cluster, attempt, context))
  }
  return trials
}

async function runTrial(
  cluster: DemoCluster,
  { id, attack, on, bare }: PlannedTrial,
  context: Context,
) {
  await arrivals(cluster, attack, on)
  const finding = await attack.run(context)
  const arrived = await arrivals(cluster, attack, on)
  const unprotected = bare === true || cluster.sidecars.size === 0
  return {
    id,
    title: attack.title,
    target: bare === true ? `${on}, bare` : on,
    expected: unprotected ? 'got-through' : 'blocked',
    outcome: finding.outcome,
    reason: finding.reason,
    because: finding.because,
    note: unprotected ? 'no sidecar there' : attack.id === ANSWER ? 'removed' : '',
    arrived,
  } as const
}

/**
 * What has arrived since the last call where nothing may arrive: requests at the target, or headers
 * that only Okapi may set in the hijacked module's answer.
 */
async function arrivals({ processes }: DemoCluster, attack: Attack, on: Member): Promise<number> {
  if (attack.id !== ANSWER) return ((await processes.get(on)!.child.ask('seen')) as []).length
  const steps = (await processes.get(OKAPI)!.child.ask('steps')) as StepSeen[]
  return steps.filter(({ module }) => module === on).flatMap(({ said }) => said).length
}

function contextOf(cluster: DemoCluster, { on, bare }: PlannedTrial): Omit<Context, 'signal'> {
  const sidecar = bare === true ? undefined : cluster.sidecars.get(on)
  const port = sidecar?.ingress ?? cluster.processes.get(on)!.port
  const okapi = { host: '127.0.0.1', port: cluster.processes.get(OKAPI)!.port, tls: false }
  return {
    target: { host: '127.0.0.1', port, tls: sidecar !== undefined },
    role: on === OKAPI ? 'okapi' : 'module',
    ordinaryPath: on === OKAPI ? '/tags' : '/users',
    closedPath: '/users',
    timerPath: '/users/expire/timer',
    ports: USUAL_PORTS,
    stallMs: TIMEOUT_MS,
    trustDomain: TRUST_DOMAIN,
    stolenId: on === OKAPI ? MODULES.notes : OKAPI,
    colludingModule: { endpoint: okapi, path: '/tags' },
    tenant: TENANT,
    writeTenant: TENANT,
    timeoutMs: TIMEOUT_MS,
  }
}

/** mod-tags logs in as mod-login with the tenant's id as password: past its sidecar, and through it. */
export async function databaseTrials(
  database: DemoDatabase,
  certs: string,
  listener: string,
  signal: AbortSignal,
): Promise<readonly Trial[]> {
  const attack = attackById('database-tenant-password')
  const places = [
    { bare: true, port: database.port },
    { bare: false, port: Number(new URL(`tcp://${listener}`).port) },
  ]
  const trials: Trial[] = []
  for (const { bare, port } of places) {
    const { context } = await prepareDatabase(
      {
        endpoint: { host: '127.0.0.1', port, tls: false },
        tenant: TENANT,
        role: TAGS_ROLE,
        database: FOLIO_DATABASE,
        credentials: join(certs, MODULES.tags),
        timeoutMs: TIMEOUT_MS,
      },
      signal,
    )
    const before = database.connections()
    const { outcome, reason, because } = await attack.run(context)
    trials.push({
      id: bare ? `${attack.id}-bare` : attack.id,
      title: attack.title,
      target: bare ? 'PostgreSQL, bare' : `PostgreSQL, by the sidecar of ${MODULES.tags}`,
      expected: bare ? 'got-through' : 'blocked',
      ...{ outcome, reason, because },
      note: bare ? 'no sidecar there' : '',
      arrived: database.connections() - before,
    })
  }
  return trials
}

/** True when a trial ended as it must: the outcome is right, and no request arrived where none may. */
export function asExpected({ expected, outcome, arrived }: Trial): boolean {
  return outcome === expected && (expected === 'got-through' || arrived === 0)
}
