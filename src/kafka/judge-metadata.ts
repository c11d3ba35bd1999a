import type { ApiVersion } from './apis/api.ts'
import { deniedTopic, type JudgedRequest, listOf } from './judged.ts'
import type { MessageValues } from './message.ts'
import type { Verdicts } from './verdict.ts'
import { KafkaFlaw } from './wire-reader.ts'

/**
 * A topic that the module may not produce to, consume from or create is hidden: left out of the
 * list of all topics, and refused when requested by name. The broker may create a missing topic (if
 * it does so at all) only if `create` allows it; because that is one flag for all topics of a
 * request, the request may be split in two.
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
    // Topics can be requested by id only from version 12 on.
    if (typeof name !== 'string') throw new KafkaFlaw('a topic has no name')
    const denial = verdicts.visible(apiName, name)
    if (denial !== undefined) {
      denied.push(deniedTopic(shape, topic, denial))
      continue
    }
    asked.add(name)
    // The request alone does not mean that the client wants to create: readers send the same one.
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
