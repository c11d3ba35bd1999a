import type { ApiVersion } from './apis/api.ts'
import { deniedTopic, type JudgedRequest, listOf } from './judged.ts'
import type { MessageValues } from './message.ts'
import type { Verdicts } from './verdict.ts'
import { KafkaFlaw } from './wire-reader.ts'

/**
 * What is neither produced to nor consumed from nor created is hidden: left out of the list of all topics, and
 * refused where it is asked for by name. A topic that does not exist is created by the broker (if it does so at
 * all) only where `create` allows; as one request says one thing of all its topics, it may become two.
 */
export function judgeMetadata(
  api: ApiVersion,
  request: MessageValues,
  verdicts: Verdicts,
): JudgedRequest {
  if (request['topics'] === null) {
    return {
      kind: 'forward',
      requests: 'same',
      answer: ([answer]) => ({ ...answer, topics: shown(answer!, undefined, verdicts) }),
    }
  }
  const { name: apiName } = api.api
  const shape = api.response.elementOf('topics')
  const denied: MessageValues[] = []
  const asked = new Set<string>()
  const [creatable, others]: [MessageValues[], MessageValues[]] = [[], []]
  const creates = request['allowAutoTopicCreation'] === true
  for (const topic of listOf(request, 'topics')) {
    const { name } = topic
    // By its id a topic is asked for only from version 12 on.
    if (typeof name !== 'string') throw new KafkaFlaw('a topic has no name')
    const denial = verdicts.visible(apiName, name)
    if (denial !== undefined) {
      denied.push(deniedTopic(shape, topic, denial))
      continue
    }
    asked.add(name)
    // Asking alone is no wish to create: what only reads asks in the same way.
    const may = creates && (verdicts.rules.mayCreate(name) || verdicts.rules.mode === 'report')
    ;(may ? creatable : others).push(topic)
  }
  const requests = requestsFor(request, creatable, others)
  const isSame =
    denied.length === 0 && requests.length === 1 && others.length * creatable.length === 0
  const keepsFlag = requests[0]!['allowAutoTopicCreation'] === request['allowAutoTopicCreation']
  return {
    kind: 'forward',
    requests: isSame && keepsFlag ? 'same' : requests,
    answer: ([first, ...more]) => ({
      ...first,
      topics: [...denied, ...[first!, ...more].flatMap((answer) => shown(answer, asked, verdicts))],
    }),
  }
}

function requestsFor(
  request: MessageValues,
  creatable: MessageValues[],
  others: MessageValues[],
): MessageValues[] {
  const asking = (topics: MessageValues[], allowAutoTopicCreation: boolean) => {
    return { ...request, topics, allowAutoTopicCreation }
  }
  if (creatable.length === 0) return [asking(others, false)]
  if (others.length === 0) return [asking(creatable, true)]
  return [asking(others, false), asking(creatable, true)]
}

function shown(
  answer: MessageValues,
  asked: ReadonlySet<string> | undefined,
  verdicts: Verdicts,
): MessageValues[] {
  return listOf(answer, 'topics').filter(({ name }) => {
    const topic = name as string
    return asked === undefined ? !verdicts.hidesTopic(topic) : asked.has(topic)
  })
}
