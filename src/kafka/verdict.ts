import { type Refusal, refuse } from '../refusal/refusal.ts'
import { KAFKA_ERRORS, RequestRefused } from './errors.ts'
import type { KafkaRules, TopicRight } from './rules.ts'

/** The parts of a request that rules are about. */
export interface AskedOfKafka {
  /** Name of the API, as the protocol guide has it. */
  readonly api: string
  readonly right?: TopicRight
  readonly topic?: string
  readonly group?: string
  readonly transaction?: string
}

/** Who is told what rules say. */
export interface VerdictEvents {
  refused(asked: AskedOfKafka, refusal: Refusal): void
  wouldDeny(asked: AskedOfKafka, refusal: Refusal): void
}

/** Longer than any topic name, and long enough to distinguish groups. */
const MOST_TOLD = 300

/** A name that a client chose, for display: invalid names may have 32,767 characters. */
export function told(name: string): string {
  return name.length > MOST_TOLD ? `${name.slice(0, MOST_TOLD)}...` : name
}

/** A refusal in Kafka's form, for one topic, group or id. */
export interface KafkaDenial {
  readonly code: number
  /** For APIs whose answers have a field for text. */
  readonly message: string
  /** How many refusals the answer to its request has. */
  readonly noes: AnswerNoes
}

/**
 * No client needs more per request: each refusal is in the answer, and may be longer than the
 * request.
 */
const MOST_NOES = 10_000

/** What is refused in one request is counted: topics, partitions, groups and ids. */
class AnswerNoes {
  readonly #api: string
  #count = 0

  constructor(api: string) {
    this.#api = api
  }

  /** Throws a RequestRefused where there are too many. */
  add(count: number): void {
    this.#count += count
    if (this.#count <= MOST_NOES) return
    const because = `${this.#api}: more than ${MOST_NOES} topics, partitions, groups or ids of one request are not allowed`
    throw new RequestRefused(refuse('too-large', because))
  }
}

/** Asks the rules, reports the result, and allows what report mode allows. */
export class Verdicts {
  readonly rules: KafkaRules
  readonly #events: VerdictEvents
  #noes = new AnswerNoes('a request')

  constructor(rules: KafkaRules, events: VerdictEvents) {
    this.rules = rules
    this.#events = events
  }

  /** The next checks belong to another request. */
  begin(api: string): void {
    this.#noes = new AnswerNoes(api)
  }

  /** Undefined: it may. */
  topic(api: string, right: TopicRight, name: string): KafkaDenial | undefined {
    if (this.rules.may(right, name)) return undefined
    const topic = told(name)
    const because = `${api}: no rule lets this module ${right} the topic ${JSON.stringify(topic)}`
    const wouldAllow = `a rule in \`kafka.rules\`: topics: {${right}: [${topic}]}`
    const refusal = refuse('topic-not-allowed', because, { wouldAllow })
    return this.#deny({ api, right, topic }, refusal, KAFKA_ERRORS.topicAuthorizationFailed)
  }

  /** May it know of the topic? With `tells` false nothing is reported. */
  visible(api: string, name: string): KafkaDenial | undefined {
    if (this.rules.maySee(name)) return undefined
    const topic = told(name)
    const because = `${api}: no rule is about the topic ${JSON.stringify(topic)}`
    const wouldAllow = `a rule in \`kafka.rules\`: topics: {consume: [${topic}]}, or produce or create`
    const refusal = refuse('topic-not-allowed', because, { wouldAllow })
    return this.#deny({ api, topic }, refusal, KAFKA_ERRORS.topicAuthorizationFailed)
  }

  group(api: string, name: string): KafkaDenial | undefined {
    if (this.rules.mayGroup(name)) return undefined
    const group = told(name)
    const because = `${api}: no rule lets this module into the group ${JSON.stringify(group)}`
    const wouldAllow = `a rule in \`kafka.rules\`: groups: [${group}]`
    const refusal = refuse('group-not-allowed', because, { wouldAllow })
    return this.#deny({ api, group }, refusal, KAFKA_ERRORS.groupAuthorizationFailed)
  }

  transaction(api: string, name: string): KafkaDenial | undefined {
    if (this.rules.mayTransact(name)) return undefined
    const transaction = told(name)
    const because = `${api}: no rule lets this module use the transactional id ${JSON.stringify(transaction)}`
    const wouldAllow = `a rule in \`kafka.rules\`: transactions: [${transaction}]`
    const refusal = refuse('transaction-not-allowed', because, { wouldAllow })
    const code = KAFKA_ERRORS.transactionalIdAuthorizationFailed
    return this.#deny({ api, transaction }, refusal, code)
  }

  /** Never in report mode. */
  administration(api: string, code: number): KafkaDenial | undefined {
    if (this.rules.mayAdmin(api)) return undefined
    const because = `no rule opens ${api} to this module`
    const wouldAllow = `a rule in \`kafka.rules\`: admin: [${api}]`
    const refusal = refuse('api-not-allowed', because, { wouldAllow })
    return this.#no({ api }, refusal, code)
  }

  /** What no rule opens. */
  never(api: string, because: string, code: number): KafkaDenial {
    const refusal = refuse('api-not-allowed', because)
    return this.#no({ api }, refusal, code)
  }

  /** May the group be shown in a list? What is not requested by name is left out silently. */
  hidesGroup(group: string): boolean {
    return this.rules.mode === 'enforce' && !this.rules.mayGroup(group)
  }

  hidesTopic(topic: string): boolean {
    return this.rules.mode === 'enforce' && !this.rules.maySee(topic)
  }

  #deny(asked: AskedOfKafka, refusal: Refusal, code: number): KafkaDenial | undefined {
    if (this.rules.mode === 'report') {
      this.#events.wouldDeny(asked, refusal)
      return undefined
    }
    return this.#no(asked, refusal, code)
  }

  /** With the words that clients show. */
  #no(asked: AskedOfKafka, refusal: Refusal, code: number): KafkaDenial {
    const noes = this.#noes
    noes.add(1)
    this.#events.refused(asked, refusal)
    return { code, message: `${refusal.because} (okapi-sidecar: ${refusal.reason})`, noes }
  }
}
