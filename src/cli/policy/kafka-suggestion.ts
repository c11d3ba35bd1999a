import { loadConfig } from '../../config/load.ts'
import { fault } from '../../fault.ts'
import { isNewTenantName } from '../../folio/tenant.ts'
import { type PatternNames, parseNamePattern } from '../../kafka/name-pattern.ts'
import { jsonIn, linesOf } from './access-lines.ts'
import { day, grantsYaml, LIFE_MS } from './suggestion.ts'

const WOULD = 'kafka request would be refused'

/** What a module did at Kafka in report mode, by patterns. */
interface SeenAtKafka {
  readonly topics: Readonly<Record<'produce' | 'consume' | 'create', Set<string>>>
  readonly groups: Set<string>
  readonly transactions: Set<string>
  /** Topics that were only described, for an unknown purpose. */
  readonly named: Set<string>
  /** Names that no pattern can express. */
  readonly odd: Set<string>
  lines: number
  firstMs: number
  lastMs: number
}

/** Proposes a rule for `kafka.rules` from logs of the module's sidecar. Throws a Fault. */
export async function suggestKafkaRule(
  configFile: string | undefined,
  logs: readonly string[],
): Promise<string> {
  const { config } = loadConfig(configFile, process.env)
  const { kafka, module } = config
  if (kafka === undefined) throw fault('the configuration has no `kafka`')
  const seen = await readKafkaLogs(logs, kafka)
  const { topics, groups, transactions, named, odd, lines, firstMs, lastMs } = seen
  const rights = Object.entries(topics).filter(([, names]) => names.size > 0)
  const nothing = rights.length + groups.size + transactions.size === 0
  const known = new Set(Object.values(topics).flatMap((names) => [...names]))
  const unmet = [...named].filter((name) => !known.has(name)).sort()
  const rule = {
    caller: module.product,
    ...(rights.length > 0 && {
      topics: Object.fromEntries(rights.map(([right, names]) => [right, [...names].sort()])),
    }),
    ...(groups.size > 0 && { groups: [...groups].sort() }),
    ...(transactions.size > 0 && { transactions: [...transactions].sort() }),
    why: nothing ? '' : `seen in report mode between ${day(firstMs)} and ${day(lastMs)}`,
    until: day(Date.now() + LIFE_MS),
  }
  const heading = [
    `What report mode let ${module.id} do at Kafka, in ${lines} lines: review each, then enforce.`,
    'A topic in {tenant} is allowed for every tenant of kafka.tenants.',
    ...unmet.map((name) => `only asked about, so no right is known: ${name}`),
    ...[...odd].sort().map((name) => `left out, no pattern means only ${JSON.stringify(name)}`),
  ]
  return grantsYaml(heading, [{ comments: [], grants: nothing ? [] : [rule] }])
}

async function readKafkaLogs(logs: readonly string[], names: PatternNames): Promise<SeenAtKafka> {
  const seen: SeenAtKafka = {
    topics: { produce: new Set(), consume: new Set(), create: new Set() },
    groups: new Set(),
    transactions: new Set(),
    named: new Set(),
    odd: new Set(),
    ...{ lines: 0, firstMs: Number.NaN, lastMs: Number.NaN },
  }
  for (const log of logs) {
    for await (const line of linesOf(log)) add(seen, jsonIn(line), names)
  }
  return seen
}

function add(
  seen: SeenAtKafka,
  line: Readonly<Record<string, unknown>> | undefined,
  names: PatternNames,
): void {
  const { msg, time, topic, right, group, transaction } = line ?? {}
  const timeMs = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (msg !== WOULD || Number.isNaN(timeMs)) return
  seen.lines++
  if (!(seen.firstMs <= timeMs)) seen.firstMs = timeMs
  if (!(seen.lastMs >= timeMs)) seen.lastMs = timeMs
  for (const name of [topic, group, transaction]) {
    if (typeof name !== 'string' || isPlain(name, names)) continue
    // One malicious name must not prevent proposals for all others.
    seen.odd.add(name)
    return
  }
  if (typeof topic === 'string') {
    const pattern = topicPattern(topic, names)
    if (right === 'produce' || right === 'consume' || right === 'create') {
      seen.topics[right].add(pattern)
    } else seen.named.add(pattern)
  }
  if (typeof group === 'string') seen.groups.add(group)
  if (typeof transaction === 'string') seen.transactions.add(transaction)
}

/** With {env} and {tenant} in FOLIO's positions: ENV.TENANT.X, or ENV.NAMESPACE.TENANT.X. */
function topicPattern(topic: string, names: PatternNames): string {
  const [env, ...rest] = topic.split('.')
  if (env !== names.env) return topic
  const at = [0, 1].find((i) => i < rest.length - 1 && isTenant(rest[i]!, names))
  return at === undefined ? topic : ['{env}', ...rest.with(at, '{tenant}')].join('.')
}

function isTenant(text: string, { tenants, tenantCollection }: PatternNames): boolean {
  if (text === tenantCollection) return true
  return tenants.length > 0 ? tenants.includes(text) : isNewTenantName(text)
}

/**
 * Is it a literal name? What a module put into it must not become a wider pattern, nor look like something else to
 * the reviewer.
 */
function isPlain(name: string, names: PatternNames): boolean {
  const read = parseNamePattern(name, names)
  if (typeof read === 'string' || name.includes('{') || /[^ -~]/.test(name)) return false
  return read.parts.every(({ kind }) => kind === 'text')
}
