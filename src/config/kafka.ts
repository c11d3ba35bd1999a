import * as z from 'zod'
import {
  isLoopback,
  type Listen,
  type PortRange,
  parseListen,
  parsePortRange,
} from './addresses.ts'
import { get, type Raw } from './document.ts'
import {
  broker,
  count,
  dateField,
  listen,
  ms,
  oneOrMore,
  parsed,
  portRange,
  why,
} from './fields.ts'
import type { Flaw } from './issues.ts'

/** The listener for Kafka, the cluster behind it, and what the module may do there. */
export interface KafkaSettings {
  /** What the module has as its bootstrap server. */
  readonly listen: Listen
  /** Brokers to begin with, tried in this order; the others are known from their answers. */
  readonly bootstrap: readonly { readonly host: string; readonly port: number }[]
  /** The name that every broker's certificate must have, instead of the host that is dialled. */
  readonly serverName: string | undefined
  /** Bundle of the brokers' authorities; undefined: the sidecar's own. */
  readonly trust: string | undefined
  readonly clientCertificate: 'own' | 'none'
  /** Where brokers are found by the module: one port each, by node id. 0: the system chooses each. */
  readonly brokers: PortRange
  /** What `{env}` stands for in rules: ENV of FOLIO's modules. */
  readonly env: string
  /** What `{tenant}` stands for; empty: by `policy.tenantsOf`, else what Okapi takes for the id of a new tenant. */
  readonly tenants: readonly string[]
  /** KAFKA_PRODUCER_TENANT_COLLECTION: what stands in the place of a tenant for all of them. */
  readonly tenantCollection: string | undefined
  readonly rules: KafkaRuleSettings
  /** Do the shipped rules of grants/kafka.yaml for this module hold? */
  readonly knownRules: boolean
  readonly mode: 'enforce' | 'report'
}

/** Rules of the configuration itself, and the files that hold more. */
export interface KafkaRuleSettings {
  readonly inline: readonly {
    readonly value: unknown
    readonly file: string
    readonly pointer: string
  }[]
  readonly files: readonly string[]
}

const name = () => z.string().min(1)

const patterns = (what: string) => z.array(name()).default([]).meta({ description: what })

/** One rule, as it stands in the configuration or in a file; src/kafka/rules.ts reads it again. */
const kafkaRule = () =>
  z.strictObject({
    caller: name().meta({ description: 'The module it is for: a product, or a module id' }),
    topics: z
      .strictObject({
        produce: patterns('Topics that it may write to'),
        consume: patterns('Topics that it may read from'),
        create: patterns('Topics that it may create, by itself or by asking for them'),
      })
      .optional()
      .meta({ description: 'Names, with {env}, {tenant} and *' }),
    groups: patterns('Consumer groups that it may be in'),
    transactions: patterns('Transactional ids that it may use'),
    admin: z.array(name()).default([]).meta({
      description: 'APIs of administration by their names: DeleteTopics, AlterConfigs, ...',
    }),
    tenants: z.array(name()).min(1).optional().meta({
      description: 'What {tenant} stands for in this rule, instead of kafka.tenants',
    }),
    why: why(),
    until: dateField().optional().meta({ description: 'The last day of the rule' }),
    source: name().optional().meta({ description: 'Where it is known from' }),
  })

/** Characters of a topic (org.apache.kafka.common.internals.Topic). */
const partOfName = () =>
  parsed<string>((text) =>
    /^[A-Za-z0-9._-]{1,100}$/.test(text)
      ? { value: text }
      : { wrong: 'must be 1 to 100 letters, digits, `.`, `_` and `-`, as in the name of a topic' },
  )

/** The section `kafka` as it is written. */
export const kafka = () =>
  z
    .strictObject({
      listen: listen().prefault('127.0.0.1:9092').meta({
        description: 'Where the module finds Kafka: KAFKA_HOST and KAFKA_PORT',
      }),
      bootstrap: oneOrMore(broker()).meta({
        description: 'Brokers to begin with, HOST:PORT of a TLS listener; tried in order',
      }),
      serverName: name().optional().meta({
        description: 'The name in every broker’s certificate, where it is not the broker’s host',
      }),
      trust: name().optional().meta({
        description:
          'PEM file with the authorities of the brokers; default: the sidecar’s own bundle',
      }),
      clientCertificate: z.enum(['own', 'none']).default('own').meta({
        description: 'The client certificate for brokers: that of this sidecar, or none',
      }),
      brokers: portRange().prefault('127.0.0.1:19092-19191').meta({
        description: 'A port for each broker, in the place of its own address: HOST:PORT-PORT',
      }),
      env: partOfName().prefault('folio').meta({ description: 'What {env} stands for in rules' }),
      tenants: z.array(partOfName()).default([]).meta({
        description:
          'What {tenant} stands for; without it the list of policy.tenantsOf, else every name that Okapi accepts for a tenant',
      }),
      tenantCollection: partOfName().optional().meta({
        description: 'KAFKA_PRODUCER_TENANT_COLLECTION of the modules: {tenant} stands for it too',
      }),
      rules: z
        .union([name().transform((file) => [file]), z.array(z.union([kafkaRule(), name()]))])
        .default([])
        .meta({ description: 'What the module may do: rules, or files with a list of them' }),
      knownRules: z.boolean().default(false).meta({
        description: 'Do the entries for this module in the shipped grants/kafka.yaml apply?',
      }),
      mode: z.enum(['enforce', 'report']).default('enforce').meta({
        description: 'report: topics and groups pass and are recorded',
      }),
    })
    .meta({ description: 'Plain from the module, TLS to the brokers of a Kafka cluster' })

/** The keys of `limits.kafka`. */
export const kafkaLimits = () =>
  z
    .strictObject({
      frameBytes: count(104_857_600).meta({
        description: 'The longest frame; 100 MB as socket.request.max.bytes of a broker',
      }),
      heldBytes: count(16_777_216).meta({
        description: 'The longest frame that is held until it is whole: all but answers to Fetch',
      }),
      bufferedBytes: count(67_108_864).meta({
        description: 'Bytes of frames that are held, all connections together; more of them wait',
      }),
      connections: count(512).meta({
        description: 'Connections of the module with brokers',
      }),
      requests: count(64, 10_000).meta({
        description: 'Requests of one connection that are not answered yet; more of them wait',
      }),
      frameMs: ms(60_000).meta({
        description: 'Milliseconds from the first byte of a frame that is held to its last',
      }),
      idleMs: ms(0, 0).meta({
        description: 'Milliseconds in which nothing passes in a connection; 0: unlimited',
      }),
    })
    .prefault({})

type WrittenKafka = z.output<ReturnType<typeof kafka>>

/** What completing asks about where values come from. */
interface KafkaSources {
  clause(path: readonly string[], i: number, value: unknown): KafkaRuleSettings['inline'][number]
  absolute(path: string, key: readonly string[]): string
}

/** Gives the section the shape in which it is used. */
export function kafkaOf(
  { trust, serverName, rules, tenantCollection, ...rest }: WrittenKafka,
  sources: KafkaSources,
): KafkaSettings {
  const path = ['kafka', 'rules']
  const inline = rules.map((rule, i) => sources.clause(path, i, rule))
  return {
    ...rest,
    serverName,
    tenantCollection,
    trust: trust === undefined ? undefined : sources.absolute(trust, ['kafka', 'trust']),
    rules: {
      inline: inline.filter(({ value }) => typeof value !== 'string'),
      files: rules.flatMap((rule) =>
        typeof rule === 'string' ? [sources.absolute(rule, path)] : [],
      ),
    },
  }
}

/** Errors in `kafka` beyond the form of each key. */
export function kafkaFlaws(raw: Raw, plainAllowed: boolean): Flaw[] {
  if (plainAllowed) return []
  const listeners = [
    { key: 'listen', parse: parseListen },
    { key: 'brokers', parse: parsePortRange },
  ]
  return listeners.flatMap(({ key, parse }) => {
    const written = get(raw, ['kafka', key])
    const address = typeof written === 'string' ? parse(written) : undefined
    if (address === undefined || 'wrong' in address || isLoopback(address.value)) return []
    const message = `\`kafka.${key}\` is plain and must stay on loopback${key === 'listen' ? ' or a Unix socket' : ''}`
    const hint = 'use 127.0.0.1 or [::1]; or set allowPlainBeyondLoopback: WHY'
    return [{ path: ['kafka', key], message, hint }]
  })
}
