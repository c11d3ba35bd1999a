import type * as z from 'zod'
import type {
  Addressing,
  Forward,
  Listen,
  ModuleName,
  PeerAddress,
  PeerName,
  PortRange,
} from './addresses.ts'
import { type AuditSettings, auditOf } from './audit.ts'
import { type DatabaseSettings, databaseOf } from './database.ts'
import { type KafkaSettings, kafkaOf } from './kafka.ts'
import type { Network } from './networks.ts'
import type { policy } from './policy.ts'
import { PLACES_TO_MODULE } from './rules.ts'
import type { FileSchema } from './schema.ts'

type Written = z.output<FileSchema>

/** Everything `run` needs to know: checked, parsed once, deeply frozen. Paths are absolute. */
export interface Config {
  readonly module: ModuleName
  readonly trustDomain: string
  readonly credentials: CredentialsSettings
  /** Absent: no caller reaches this module through the sidecar. */
  readonly ingress: Ingress | undefined
  /** Absent: no way from the module to Okapi. */
  readonly egress: Egress | undefined
  /** `egress.modules` of the file: only beside Okapi. */
  readonly modules: Modules | undefined
  readonly public: PublicSettings | undefined
  /** The migration listener; absent but while an installation is being moved over. */
  readonly migration: Migration | undefined
  /** Listeners for PostgreSQL; empty where there is none. */
  readonly postgres: readonly DatabaseSettings[]
  /** The way to a Kafka cluster. */
  readonly kafka: KafkaSettings | undefined
  readonly policy: PolicySettings
  readonly pins: Pins
  /** Is `okapi-sidecar/1` used with sidecars that support it? */
  readonly link: boolean
  readonly admin: { readonly listen: Listen; readonly healthPath: string }
  readonly status: { readonly listen: Listen }
  readonly log: Readonly<Written['log']>
  /** Absent: there is no audit trail. */
  readonly audit: AuditSettings | undefined
  /** How many threads are to serve. */
  readonly workers: number
  readonly limits: Limits
  readonly drain: Readonly<Written['drain']>
  /** Why plain HTTP may leave loopback; undefined if it may not. */
  readonly allowPlainBeyondLoopback: string | undefined
}

/** Where trust material comes from. */
export interface CredentialsSettings {
  readonly directory: string
  /** The SPIFFE Workload API; where it is named the directory is not looked at. */
  readonly spiffe: { readonly socket: { readonly path: string } } | undefined
}

export interface Ingress {
  readonly listen: Listen
  readonly forward: Forward
}

export interface Egress {
  readonly listen: Listen
  /** Undefined: `http://localhost:PORT` of the port that `listen` was bound to. */
  readonly url: string | undefined
  readonly gateway: PeerAddress
  readonly gatewayModule: PeerName
}

export interface Modules {
  readonly listen: PortRange
  readonly address: Addressing
}

export interface PublicSettings {
  readonly listen: Listen
  readonly credentials: { readonly directory: string }
}

/** The one exception to trust rule 1: callers without a sidecar, by their addresses. */
export interface Migration {
  readonly listen: Listen
  readonly from: readonly Network[]
  /** Milliseconds since 1970; from then on everything is refused. */
  readonly until: number
  readonly why: string
}

/** Milliseconds, bytes and counts; 0 is unlimited where the schema allows it. */
export type Limits = Readonly<
  Omit<Written['limits'], 'exchangesToModule'> & { exchangesToModule: number }
>

export interface Pins {
  /** By product; a product that is not named here must prove the module id. */
  readonly peers: Readonly<Record<string, 'module' | 'product'>>
  /** By module id or product: SHA-256 of the SPKI in lower-case hex. */
  readonly keys: Readonly<Record<string, readonly string[]>>
  /** Foreign SPIFFE ids and the module id each stands for. */
  readonly identities: Readonly<Record<string, string>>
}

/** One rule as it was written, with its position; the policy parses it. */
export interface ConfiguredRule {
  readonly value: unknown
  /** The file, or the variable that set it. */
  readonly file: string
  /** RFC 6901 pointer of the rule in the file. */
  readonly pointer: string
}

type WrittenPolicy = z.output<ReturnType<typeof policy>>
type Rules = 'grants' | 'quarantine' | 'pathExceptions' | 'tenantsOf'

export interface PolicySettings extends Readonly<Omit<WrittenPolicy, Rules | 'consortia'>> {
  readonly grants: GrantSources
  readonly quarantine: readonly ConfiguredRule[]
  readonly pathExceptions: readonly ConfiguredRule[]
  readonly tenantsOf: readonly ConfiguredRule[]
  /** Path of the file of consortia. */
  readonly consortiaFile: string | undefined
}

/** Grants of the configuration itself, and the files that hold more. */
export interface GrantSources {
  readonly inline: readonly ConfiguredRule[]
  readonly files: readonly string[]
}

/** What completing asks about where values come from. */
interface Sources {
  clause(path: readonly string[], i: number, value: unknown): ConfiguredRule
  absolute(path: string, key: readonly string[]): string
}

/** Converts the written configuration to the form in which it is used. */
export function complete(written: Written, sources: Sources): Config {
  const { policy: rules, ...rest } = written
  const { credentials, ingress, egress, public: publicWritten, admin, limits } = written
  return deepFreeze({
    ...rest,
    credentials: {
      directory: sources.absolute(credentials.directory, ['credentials', 'directory']),
      spiffe: credentials.spiffe,
    },
    ingress,
    egress: egressOf(egress),
    modules: egress?.modules,
    public: publicWritten && publicOf(publicWritten, sources),
    migration: written.migration,
    postgres: (written.postgres ?? []).map((entry, i) =>
      databaseOf(entry, written.module.product, (path) =>
        sources.absolute(path, ['postgres', String(i), 'trust']),
      ),
    ),
    kafka: written.kafka && kafkaOf(written.kafka, sources),
    audit:
      written.audit && auditOf(written.audit, (path) => sources.absolute(path, ['audit', 'to'])),
    policy: policyOf(rules, sources),
    limits: {
      ...limits,
      exchangesToModule: limits.exchangesToModule ?? PLACES_TO_MODULE,
    },
    admin: { listen: admin.listen, healthPath: admin.healthPath ?? '/admin/health' },
    allowPlainBeyondLoopback: written.allowPlainBeyondLoopback,
  })
}

function policyOf(rules: WrittenPolicy, sources: Sources): PolicySettings {
  const { consortia, ...others } = rules
  const clauses = (key: Rules) =>
    rules[key].map((value: unknown, i) => sources.clause(['policy', key], i, value))
  const absolute = (path: string) => sources.absolute(path, ['policy', 'grants'])
  return {
    ...others,
    descriptors: sources.absolute(rules.descriptors, ['policy', 'descriptors']),
    grants: {
      inline: clauses('grants').filter(({ value }) => typeof value !== 'string'),
      files: rules.grants.flatMap((grant) => (typeof grant === 'string' ? [absolute(grant)] : [])),
    },
    quarantine: clauses('quarantine'),
    pathExceptions: clauses('pathExceptions'),
    tenantsOf: clauses('tenantsOf'),
    consortiaFile: consortia && sources.absolute(consortia, ['policy', 'consortia']),
  }
}

function egressOf(egress: Written['egress']): Egress | undefined {
  if (egress?.listen === undefined || egress.gateway === undefined) return undefined
  const { listen, url, gateway, gatewayModule } = egress
  return { listen, url, gateway, gatewayModule }
}

function publicOf(
  { listen, credentials }: NonNullable<Written['public']>,
  sources: Sources,
): PublicSettings {
  const path = ['public', 'credentials', 'directory']
  return { listen, credentials: { directory: sources.absolute(credentials.directory, path) } }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
  return value
}
