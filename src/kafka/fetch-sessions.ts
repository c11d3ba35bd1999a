import { refuse } from '../refusal/refusal.ts'
import type { ApiVersion } from './apis/api.ts'
import { KAFKA_ERRORS, RequestRefused } from './errors.ts'
import { type FetchHead, type JudgedRequest, listOf, PASS, partitionsOf } from './judged.ts'
import type { MessageValues } from './message.ts'
import type { KafkaRules } from './rules.ts'
import type { KafkaDenial, Verdicts } from './verdict.ts'

/** The value for clients that are not brokers (protocol guide, Fetch). */
const CONSUMER = -1
/** A client has one session with a broker; beyond this number the oldest one must start again. */
const MOST_SESSIONS = 16

/**
 * Partitions that are remembered for one session: a client that requests more forbidden ones is
 * hostile.
 */
const MOST_WITHHELD = 10_000

/** Partitions of a session that the broker does not have, with their error in each answer. */
type Withheld = Map<string, { readonly partitions: Set<number>; readonly denial: KafkaDenial }>

/**
 * Fetch sessions (KIP-227): after a first request a client names only what changes. So what was
 * removed from a request must be remembered, to be reported in each answer as a broker would; and a
 * session that this connection has not begun is refused, because a guessed number could otherwise
 * read another's topics.
 */
export class FetchSessions {
  readonly #sessions = new Map<number, Withheld>()
  #rules: KafkaRules | undefined
  #stage = 0

  judge(api: ApiVersion, request: MessageValues, verdicts: Verdicts): JudgedRequest {
    if (request['replicaId'] !== CONSUMER) {
      const because = 'Fetch as a broker that copies partitions is for brokers alone'
      throw new RequestRefused(refuse('api-not-allowed', because))
    }
    this.#holdAgainst(verdicts.rules)
    const sessionId = (request['sessionId'] as number | undefined) ?? 0
    const epoch = (request['sessionEpoch'] as number | undefined) ?? -1
    const known = this.#sessions.get(sessionId)
    if (sessionId !== 0 && known === undefined) {
      const answer = api.response.blank({ error: KAFKA_ERRORS.fetchSessionIdNotFound })
      return { kind: 'own', answer }
    }
    const goesOn = sessionId !== 0 && epoch > 0
    const sorted = sortFetched(request, verdicts)
    const withheld: Withheld = goesOn && known !== undefined ? known : new Map()
    if (goesOn) forget(withheld, sorted)
    else if (sessionId !== 0) this.#sessions.delete(sessionId)
    for (const [name, each] of sorted.withheld) withhold(withheld, name, each)
    checkSize(withheld)
    if (withheld.size > 0 && sorted.topics.length === 0 && sessionId === 0) {
      return { kind: 'own', answer: api.response.blank({ topics: said(api, withheld) }) }
    }
    const begins = epoch === 0
    const isChanged = sorted.withheld.size > 0 || sorted.forgets
    if (!begins && !goesOn && !isChanged) return PASS
    const { topics, forgotten } = sorted
    const changed = { ...request, topics, ...(request['forgotten'] !== undefined && { forgotten }) }
    return {
      kind: 'splice',
      request: isChanged ? changed : 'same',
      head: ({ error, sessionId: given }: FetchHead) => {
        if (error !== 0) {
          this.#sessions.delete(sessionId)
          return []
        }
        if (begins && given !== 0) this.#remember(given, withheld)
        return said(api, withheld)
      },
    }
  }

  #remember(sessionId: number, withheld: Withheld): void {
    const [eldest] = this.#sessions.keys()
    if (this.#sessions.size >= MOST_SESSIONS && eldest !== undefined) {
      this.#sessions.delete(eldest)
    }
    this.#sessions.set(sessionId, withheld)
  }

  /**
   * When the rules have changed a session cannot continue: the client is told to begin a new one.
   */
  #holdAgainst(rules: KafkaRules): void {
    const { stage } = rules
    if (rules !== this.#rules || stage !== this.#stage) this.#sessions.clear()
    this.#rules = rules
    this.#stage = stage
  }
}

interface SortedFetch {
  readonly topics: MessageValues[]
  readonly withheld: Withheld
  readonly forgotten: MessageValues[]
  /** Topics of the request that may not be read are forgotten, too. */
  readonly forgets: boolean
  readonly forgottenHere: readonly MessageValues[]
}

function sortFetched(request: MessageValues, verdicts: Verdicts): SortedFetch {
  const topics: MessageValues[] = []
  const withheld: Withheld = new Map()
  for (const topic of listOf(request, 'topics')) {
    const name = topic['name'] as string
    const denial = verdicts.topic('Fetch', 'consume', name)
    if (denial === undefined) topics.push(topic)
    else withhold(withheld, name, { partitions: new Set(partitionsOf(topic)), denial })
  }
  const all = listOf(request, 'forgotten')
  const forgotten = all.filter(({ name }) => !verdicts.hidesTopic(name as string))
  const forgets = forgotten.length < all.length
  return { topics, withheld, forgotten, forgets, forgottenHere: all }
}

function checkSize(withheld: Withheld): void {
  let count = 0
  for (const { partitions } of withheld.values()) count += partitions.size
  if (count <= MOST_WITHHELD) return
  const because = `a client fetches ${count} partitions that it may not read`
  throw new RequestRefused(refuse('topic-not-allowed', because))
}

function withhold(
  all: Withheld,
  name: string,
  { partitions, denial }: { partitions: ReadonlySet<number>; denial: KafkaDenial },
): void {
  const before = all.get(name)
  if (before === undefined) all.set(name, { partitions: new Set(partitions), denial })
  else for (const each of partitions) before.partitions.add(each)
}

function forget(withheld: Withheld, { forgottenHere }: SortedFetch): void {
  for (const topic of forgottenHere) {
    const name = topic['name'] as string
    const before = withheld.get(name)
    for (const each of partitionsOf(topic)) before?.partitions.delete(each)
    if (before?.partitions.size === 0) withheld.delete(name)
  }
}

function said(api: ApiVersion, withheld: Withheld): MessageValues[] {
  const shape = api.response.elementOf('topics')
  const partition = shape.elementOf('partitions')
  return [...withheld].map(([name, { partitions, denial }]) =>
    shape.blank({
      name,
      partitions: [...partitions].map((index) => partition.blank({ index, error: denial.code })),
    }),
  )
}
