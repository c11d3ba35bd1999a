import type { Problem } from '../fault.ts'
import { productOf } from '../folio/module-id.ts'
import { type RuleReader, type RuleSource, readRules } from '../policy/rule-source.ts'
import { type NamePattern, type PatternNames, parseNamePattern } from './name-pattern.ts'

/** What may be done with a topic. */
export type TopicRight = 'produce' | 'consume' | 'create'

/**
 * APIs of administration that a rule may open, by the names of the protocol guide. APIs with topics
 * or groups allow only topics that the module may create, or groups that it may be in. None of them
 * can change the configuration of brokers.
 */
export const ADMIN_APIS = [
  'DeleteTopics',
  'DeleteRecords',
  'CreatePartitions',
  'DescribeConfigs',
  'AlterConfigs',
  'IncrementalAlterConfigs',
  'DescribeAcls',
  'CreateAcls',
  'DeleteAcls',
  'DeleteGroups',
  'OffsetDelete',
] as const
export type AdminApi = (typeof ADMIN_APIS)[number]

/** One rule as a person wrote it, read and checked. */
export interface KafkaRule {
  /** A product, or a module id. */
  readonly caller: string
  readonly topics: Readonly<Record<TopicRight, readonly NamePattern[]>>
  readonly groups: readonly NamePattern[]
  readonly transactions: readonly NamePattern[]
  readonly admin: readonly AdminApi[]
  readonly why: string
  /** Milliseconds since 1970; from then on the rule is not valid. */
  readonly untilMs: number
  readonly file: string
  readonly pointer: string
}

const FIELDS = 'caller topics groups transactions admin tenants why until source'.split(' ')
const RIGHTS: readonly TopicRight[] = ['produce', 'consume', 'create']

/**
 * Reads rules, those for other modules as well; each that cannot be read is an error in `problems` and left out.
 * `list`: from the configuration (`config.kafka.rules.inline`), or `ruleSources(...)` of a file.
 */
export function readKafkaRules(
  list: readonly RuleSource[],
  names: PatternNames,
  problems: Problem[],
): KafkaRule[] {
  return readRules(list, problems, (reader) => readRule(reader, names))
}

/** What a name may be used for; the bits of the memory of `KafkaRules`. */
const BITS: Readonly<Record<TopicRight, number>> = { produce: 1, consume: 2, create: 4 }
const RIGHT_BITS = Object.entries(BITS) as readonly (readonly [TopicRight, number])[]

/** A legal name of a topic (org.apache.kafka.common.internals.Topic). No other is ever allowed. */
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/
/**
 * The maximum for a group or a transactional id; brokers accept longer ones, but matching stars in
 * them would be slow.
 */
const LONGEST_ID = 249
/** How many topic names are cached with their results. */
const REMEMBERED = 4096

/** What one module may do at its Kafka cluster: everything that no rule allows is refused. */
export class KafkaRules {
  /** Those that are for this module, void ones included. */
  readonly rules: readonly KafkaRule[]
  readonly mode: 'enforce' | 'report'
  readonly #now: () => number
  #valid: readonly KafkaRule[] = []
  #stage = 0
  /** Until when `#valid`, and so the cache, is correct. */
  #until = Number.NEGATIVE_INFINITY
  readonly #topics = new Map<string, number>()

  /**
   * @param rules of all modules; those for others are left out
   * @param module the id of the module whose sidecar this is
   * @param now milliseconds since 1970
   */
  constructor(
    rules: readonly KafkaRule[],
    { module, mode, now }: { module: string; mode: 'enforce' | 'report'; now: () => number },
  ) {
    this.rules = rules.filter(({ caller }) => caller === module || caller === productOf(module))
    this.mode = mode
    this.#now = now
  }

  mayProduce(topic: string): boolean {
    return this.may('produce', topic)
  }

  mayConsume(topic: string): boolean {
    return this.may('consume', topic)
  }

  mayCreate(topic: string): boolean {
    return this.may('create', topic)
  }

  /** May it know that the topic exists? */
  maySee(topic: string): boolean {
    return this.#rightsOf(topic) !== 0
  }

  may(right: TopicRight, topic: string): boolean {
    return (this.#rightsOf(topic) & BITS[right]) !== 0
  }

  /** Be in this consumer group, and commit offsets for it. */
  mayGroup(group: string): boolean {
    return this.#inForce().some(({ groups }) => listed(groups, group))
  }

  mayTransact(transactionalId: string): boolean {
    return this.#inForce().some(({ transactions }) => listed(transactions, transactionalId))
  }

  /** Use this API of administration, by its name in the protocol guide. */
  mayAdmin(api: string): boolean {
    return this.#inForce().some(({ admin }) => (admin as readonly string[]).includes(api))
  }

  /** The same for rules that allow the same. */
  get text(): string {
    return JSON.stringify([this.mode, this.rules])
  }

  /** A different number means that other rules are in force than before: one has expired. */
  get stage(): number {
    this.#inForce()
    return this.#stage
  }

  #rightsOf(topic: string): number {
    const valid = this.#inForce()
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    // Not cached, because a client may invent any number of them, and long ones.
    if (!TOPIC.test(topic)) return 0
    let rights = 0
    for (const [right, bit] of RIGHT_BITS) {
      if (valid.some(({ topics }) => listed(ofKind(topics[right], topic), topic))) rights |= bit
    }
    if (this.#topics.size >= REMEMBERED) this.#topics.clear()
    this.#topics.set(topic, rights)
    return rights
  }

  #inForce(): readonly KafkaRule[] {
    const now = this.#now()
    if (now < this.#until) return this.#valid
    this.#valid = this.rules.filter(({ untilMs }) => now < untilMs)
    this.#until = Math.min(...this.#valid.map(({ untilMs }) => untilMs), Number.POSITIVE_INFINITY)
    this.#topics.clear()
    this.#stage++
    return this.#valid
  }
}

function listed(patterns: readonly NamePattern[], name: string): boolean {
  if (name.length > LONGEST_ID) return false
  return patterns.some((pattern) => pattern.matches(name))
}

/** Kafka's own topics (`__consumer_offsets`) hold the state of all: a `*` at the beginning does not mean them. */
function ofKind(patterns: readonly NamePattern[], topic: string): readonly NamePattern[] {
  return topic.startsWith('__') ? patterns.filter(({ text }) => text.startsWith('__')) : patterns
}

function readRule(reader: RuleReader, names: PatternNames): KafkaRule {
  reader.only(FIELDS)
  const caller = reader.text('caller')
  if (!/^[A-Za-z0-9._-]+$/.test(caller)) {
    reader.fail('caller', 'caller must be a module id or a product')
  }
  const own = reader.has('tenants') ? { ...names, tenants: reader.texts('tenants') } : names
  const rule = {
    caller,
    topics: readTopics(reader, own),
    groups: patternsOf(reader, 'groups', own),
    transactions: patternsOf(reader, 'transactions', own),
    admin: readAdmin(reader),
    why: reader.text('why'),
    untilMs: reader.has('until') ? reader.date('until', 'end') : Number.POSITIVE_INFINITY,
    file: reader.file,
    pointer: reader.pointer,
  }
  const { topics, groups, transactions, admin } = rule
  const all = [...RIGHTS.flatMap((right) => topics[right]), ...groups, ...transactions, ...admin]
  return all.length > 0 ? rule : reader.fail('', 'allows nothing')
}

function readTopics(reader: RuleReader, names: PatternNames): KafkaRule['topics'] {
  if (!reader.has('topics')) return { produce: [], consume: [], create: [] }
  const topics = reader.object('topics')
  topics.only(RIGHTS)
  return {
    produce: topicPatterns(topics, 'produce', names),
    consume: topicPatterns(topics, 'consume', names),
    create: topicPatterns(topics, 'create', names),
  }
}

function topicPatterns(reader: RuleReader, right: TopicRight, names: PatternNames) {
  const patterns = patternsOf(reader, right, names)
  const illegal = patterns.find(({ parts }) =>
    parts.some((part) => part.kind === 'text' && !/^[A-Za-z0-9._-]+$/.test(part.text)),
  )
  if (illegal === undefined) return patterns
  return reader.fail(right, `${illegal.text}: a topic has letters, digits, \`.\`, \`_\` and \`-\``)
}

function patternsOf(reader: RuleReader, field: string, names: PatternNames): NamePattern[] {
  return reader.list(field).map((text) => {
    const pattern = parseNamePattern(text, names)
    return typeof pattern === 'string' ? reader.fail(field, `${text} ${pattern}`) : pattern
  })
}

function readAdmin(reader: RuleReader): AdminApi[] {
  const written = reader.list('admin')
  const unknown = written.find((name) => !ADMIN_APIS.some((api) => api === name))
  if (unknown !== undefined) {
    reader.fail('admin', `${unknown} is none of ${ADMIN_APIS.join(', ')}`)
  }
  return ADMIN_APIS.filter((api) => written.includes(api))
}
