import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Config } from '../../config/config.ts'
import type { KafkaSettings } from '../../config/kafka.ts'
import { loadConfig } from '../../config/load.ts'
import { checkGeneration } from '../../credentials/check-generation.ts'
import type { Generation } from '../../credentials/generation.ts'
import { readAuthorities } from '../../credentials/trust-file.ts'
import { readText } from '../../fault/text-file.ts'
import { errorCode, Fault, fault } from '../../fault.ts'
import { BrokerConnector } from '../../kafka/broker-connector.ts'
import type { BrokerPlace } from '../../kafka/brokers.ts'
import type { MessageValues } from '../../kafka/message.ts'
import { expectedOf } from '../../sidecar/authentication.ts'
import { sourceOf } from '../../sidecar/source.ts'
import { CoarseClock } from '../../transport/clock.ts'
import { NameResolver } from '../../transport/name-resolver.ts'
import type { OpenedNamed } from '../../transport/named-handshake.ts'
import { namedServerContext } from '../../transport/named-server.ts'
import type { PublicKeyPair } from '../../transport/tls-options.ts'
import { callerIn } from '../../trust/identity.ts'
import { safeTable } from '../terminal.ts'
import { principalKind } from './acls.ts'
import { principalOf } from './broker-acls.ts'
import { BrokerClient } from './broker-client.ts'
import { type AclDifference, clusterAcls, compareAcls } from './compare-acls.ts'
import { aclsOf, configured } from './rule-set.ts'

/** The result for one broker. */
interface MetBroker {
  readonly broker: string
  readonly nodeId: number | null
  readonly ok: boolean
  readonly tls: string | null
  /** Subject and end of the broker's certificate. */
  readonly certificate: string | null
  /** Why it is not usable. */
  readonly because: string | null
}

/** What the cluster itself enforces. */
type MetAcls =
  | { readonly shown: false; readonly because: string }
  | ({ readonly shown: true; readonly principal: string } & AclDifference)

const METADATA = [3, 4] as const
const DESCRIBE_ACLS = [29, 1] as const
/** "Any" of each kind. */
const ANY_ACL = {
  ...{ resourceType: 1, resourceName: null, patternType: 1, principal: null },
  ...{ host: null, operation: 1, permissionType: 1 },
}
const CLUSTER_AUTHORIZATION_FAILED = 31
const SECURITY_DISABLED = 54

/** Connects to every broker; resolves to 1 if one is not usable, or if rules and ACLs differ. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      tenant: { type: 'string', multiple: true, default: [] },
      principal: { type: 'string', default: 'cn' },
      credentials: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const kind = principalKind(values.principal)
  const { config } = loadConfig(values.config, process.env)
  const { kafka } = config
  if (kafka === undefined) throw fault('the configuration has no `kafka`')
  const wanted = aclsOf(configured(values.config), {
    ...{ tenants: values.tenant, kind, now: Date.now() },
  })
  const clock = new CoarseClock()
  // The clock does not keep the process alive.
  const alive = setInterval(() => {}, 1000)
  try {
    const expected = { ...expectedOf(config), now: Date.now() }
    const generation = await checkGeneration(await sourceOf(config).read(), expected)
    const { keyPem: key, certPem: cert } = generation
    const own = kafka.clientCertificate === 'own' ? { key, cert } : undefined
    const asker = values.credentials === undefined ? own : pairIn(values.credentials)
    const way = { config, kafka, clock, generation }
    const brokers = await meetAll({ ...way, shown: own })
    const principal = principalOf(config.module.id, kind)
    const acls = await askForAcls({ ...way, shown: asker }, (has) => ({
      ...{ shown: true, principal },
      ...compareAcls(wanted.acls, clusterAcls(has), principal),
    }))
    process.stdout.write(
      values.json ? `${JSON.stringify({ brokers, acls }, null, 2)}\n` : asText(brokers, acls),
    )
    const alike = !acls.shown || acls.missing.length + acls.beyond.length === 0
    return brokers.every(({ ok }) => ok) && alike ? 0 : 1
  } finally {
    clearInterval(alive)
    clock.stop()
  }
}

interface Way {
  readonly config: Config
  readonly kafka: KafkaSettings
  readonly generation: Generation
  /** The certificate for brokers. */
  readonly shown: PublicKeyPair | undefined
  readonly clock: CoarseClock
}

/** The certificate of a principal that may list ACLs. Throws a Fault. */
function pairIn(directory: string): PublicKeyPair {
  const read = (name: string) => {
    try {
      return readText(join(directory, name))
    } catch (error) {
      const code = errorCode(error)
      if (code === undefined) throw error
      throw fault(`cannot be read (${code})`, { where: { file: join(directory, name) } })
    }
  }
  return { key: read('tls.key'), cert: read('tls.crt') }
}

/** The first broker that answers names the others. */
async function meetAll(way: Way): Promise<MetBroker[]> {
  const met: MetBroker[] = []
  for (const place of way.kafka.bootstrap) {
    const { seen, nodes } = await meet(way, place)
    met.push(seen)
    if (nodes === undefined) continue
    for (const { nodeId, host, port } of nodes) {
      const named = { host: String(host), port: Number(port) }
      const same = met.findIndex(({ broker }) => broker === nameOf(named))
      const one = {
        ...(same < 0 ? (await meet(way, named)).seen : met[same]!),
        nodeId: Number(nodeId),
      }
      if (same < 0) met.push(one)
      else met[same] = one
    }
  }
  return met
}

async function meet(
  way: Way,
  place: BrokerPlace,
): Promise<{ seen: MetBroker; nodes?: MessageValues[] }> {
  const none = { broker: nameOf(place), nodeId: null, tls: null, certificate: null }
  const opened = await open(way, [place])
  if (typeof opened === 'string') return { seen: { ...none, ok: false, because: opened } }
  const { socket } = opened
  const { subject, valid_to: end } = socket.getPeerCertificate()
  const until = new Date(end).toISOString().slice(0, 10)
  const seen = {
    ...none,
    tls: socket.getProtocol(),
    certificate: `${subject?.CN ?? 'no common name'}, until ${until}`,
  }
  const client = new BrokerClient(socket, way.config.limits.handshakeMs)
  try {
    const { nodes } = await client.ask(...METADATA, { topics: [], allowAutoTopicCreation: false })
    const named = Array.isArray(nodes) ? (nodes as MessageValues[]) : []
    return { seen: { ...seen, ok: true, because: null }, nodes: named }
  } catch (error) {
    return { seen: { ...seen, ok: false, because: saidOf(error) } }
  } finally {
    client.close()
  }
}

async function askForAcls(way: Way, compare: (has: MessageValues) => MetAcls): Promise<MetAcls> {
  const opened = await open(way, way.kafka.bootstrap)
  if (typeof opened === 'string') return { shown: false, because: opened }
  const client = new BrokerClient(opened.socket, way.config.limits.handshakeMs)
  try {
    const has = await client.ask(...DESCRIBE_ACLS, ANY_ACL)
    if (has['error'] === 0) return compare(has)
    const because =
      has['error'] === CLUSTER_AUTHORIZATION_FAILED
        ? 'this certificate may not see them: name one that may by --credentials DIR'
        : has['error'] === SECURITY_DISABLED
          ? 'the cluster has no authorizer: it enforces nothing'
          : `the broker answered with error ${has['error']}`
    return { shown: false, because }
  } catch (error) {
    return { shown: false, because: saidOf(error) }
  } finally {
    client.close()
  }
}

/** A verified connection, or why there is none. */
function open(
  { config, kafka, generation, shown, clock }: Way,
  places: readonly BrokerPlace[],
): Promise<OpenedNamed | string> {
  const { connectMs, handshakeMs, recordOverheadBytesPerSecond } = config.limits
  const { caPems, crlPems } = generation
  const named =
    kafka.trust === undefined
      ? { ca: caPems, crl: crlPems }
      : { ca: readAuthorities(kafka.trust, Date.now()).caPems, crl: [] }
  const context = namedServerContext(named, shown)
  const connector = new BrokerConnector({
    serverName: kafka.serverName,
    context: () => context,
    names: new NameResolver(() => clock.now),
    callerIn: (der) => callerIn(der, config.pins.identities),
    ...{ clock, connectMs, handshakeMs },
    ...{ recordOverheadBytesPerSecond },
  })
  return new Promise((resolve) => {
    connector.connect(places, (refusal, opened) =>
      resolve(opened ?? `${refusal?.reason}: ${refusal?.because}`),
    )
  })
}

function nameOf({ host, port }: BrokerPlace): string {
  return `${host}:${port}`
}

function saidOf(error: unknown): string {
  if (error instanceof Fault) return error.problems.map(({ message }) => message).join('; ')
  return String(error)
}

function asText(brokers: readonly MetBroker[], acls: MetAcls): string {
  const met = brokers.map(({ broker, nodeId, ok, tls, certificate, because }) =>
    safeTable([
      ['broker', nodeId === null ? broker : `${broker}, node ${nodeId}`],
      ['usable', ok ? 'yes' : 'NO'],
      ...(tls === null ? [] : [['tls', tls]]),
      ...(certificate === null ? [] : [['certificate', certificate]]),
      ...(because === null ? [] : [['because', because]]),
    ]),
  )
  if (!acls.shown)
    return [...met, safeTable([['ACLs', `not compared: ${acls.because}`]])].join('\n')
  const line = (
    sign: string,
    { operation, resource, pattern, name }: AclDifference['beyond'][number],
  ) => [sign, `${operation} on ${resource} ${name}${pattern === 'prefixed' ? '...' : ''}`]
  const rows = [
    ...acls.missing.map((acl) => line('missing', acl)),
    ...acls.beyond.map((acl) => line('beyond the rules', acl)),
  ]
  const same = rows.length === 0 ? [['ACLs', `as the rules have it, for ${acls.principal}`]] : rows
  return [...met, safeTable(same)].join('\n')
}
