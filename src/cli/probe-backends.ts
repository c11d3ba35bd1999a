import { fault } from '../fault.ts'
import type { Group } from '../probe/attack.ts'
import { prepareDatabase, prepareKafka } from '../probe/prepare-backend.ts'
import type { AttackRound } from '../probe/runner.ts'
import { hostPortOf } from './probe-addresses.ts'

/** The options that say which backend of a module is attacked, and how. */
export interface BackendOptions {
  readonly postgres?: string | undefined
  readonly 'postgres-server'?: string | undefined
  readonly role?: string | undefined
  readonly database?: string | undefined
  readonly kafka?: string | undefined
  readonly 'kafka-broker'?: string | undefined
  readonly env?: string | undefined
  readonly tenant?: string | undefined
  readonly credentials?: readonly string[] | undefined
}

/** A server that a module reaches besides Okapi, instead of a TARGET. */
interface Backend {
  /** The name of the target in the report. */
  readonly target: string
  /** The only attacks that apply to it. */
  readonly group: Group
  prepare(signal: AbortSignal, timeoutMs: number): Promise<Omit<AttackRound, 'attacks'>>
}

/** Groups that apply to backends only. */
export const BACKEND_GROUPS: ReadonlySet<Group> = new Set<Group>(['database', 'kafka'])

/** The backend in the options; undefined if there is none. Throws a Fault if it is incomplete or there are two. */
export function backendOf(values: BackendOptions): Backend | undefined {
  const { postgres, kafka, 'postgres-server': server, 'kafka-broker': broker } = values
  const { role, database, env, tenant = 'diku' } = values
  if (postgres === undefined && (server ?? role ?? database) !== undefined) {
    throw fault('--postgres-server, --role and --database go with --postgres', {
      hint: 'okapi-sidecar probe --postgres localhost:5432 --postgres-server db:5432',
    })
  }
  if (kafka === undefined && (broker ?? env) !== undefined) {
    throw fault('--kafka-broker and --env go with --kafka', {
      hint: 'okapi-sidecar probe --kafka localhost:9092 --kafka-broker kafka:9093',
    })
  }
  if (postgres !== undefined && kafka !== undefined) {
    throw fault('--postgres or --kafka, not both')
  }
  const [credentials, ...more] = values.credentials ?? []
  const own = { tenant, ...(credentials !== undefined && { credentials }) }
  const onlyOne = (option: string) => {
    if (more.length > 0) throw fault(`--${option} takes the credentials of one module`)
  }
  if (postgres !== undefined) {
    onlyOne('postgres')
    const given = {
      endpoint: hostPortOf('postgres', postgres, 5432),
      ...(server !== undefined && { server: hostPortOf('postgres-server', server, 5432) }),
      database: database ?? 'folio',
      ...(role !== undefined && { role }),
      ...own,
    }
    return {
      target: `postgres://${postgres}`,
      group: 'database',
      prepare: (signal, timeoutMs) => prepareDatabase({ ...given, timeoutMs }, signal),
    }
  }
  if (kafka === undefined) return undefined
  onlyOne('kafka')
  const given = {
    endpoint: hostPortOf('kafka', kafka, 9092),
    ...(broker !== undefined && { broker: hostPortOf('kafka-broker', broker, 9093) }),
    env: env ?? 'folio',
    ...own,
  }
  return {
    target: `kafka://${kafka}`,
    group: 'kafka',
    prepare: (signal, timeoutMs) => prepareKafka({ ...given, timeoutMs }, signal),
  }
}
