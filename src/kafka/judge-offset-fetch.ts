import type { ApiVersion } from './apis/api.ts'
import { deniedAll, deniedTopic, type JudgedRequest, listOf } from './judged.ts'
import type { MessageShape, MessageValues } from './message.ts'
import type { Verdicts } from './verdict.ts'
import { KafkaFlaw } from './wire-reader.ts'

/** The request for one group, and the errors for its forbidden topics. */
interface GroupJudged {
  readonly group: string
  /** Null: all topics of the group, of which some may be hidden. */
  readonly topics: MessageValues[] | null
  readonly denied: readonly MessageValues[]
}

/** Offsets of one group, or from version 8 on of several. */
export function judgeOffsetFetch(
  api: ApiVersion,
  request: MessageValues,
  verdicts: Verdicts,
): JudgedRequest {
  return api.version < 8 ? oneGroup(api, request, verdicts) : groups(api, request, verdicts)
}

function oneGroup(api: ApiVersion, request: MessageValues, verdicts: Verdicts): JudgedRequest {
  const denial = verdicts.group(api.api.name, request['group'] as string)
  if (denial !== undefined) return { kind: 'own', answer: deniedAll(api, request, denial) }
  const judged = judgeTopicsOf(request, api.response.elementOf('topics'), verdicts, api.api.name)
  const requests = judged.denied.length === 0 ? 'same' : [{ ...request, topics: judged.topics }]
  if (judged.topics?.length === 0 && judged.denied.length > 0) {
    return { kind: 'own', answer: api.response.blank({ topics: [...judged.denied] }) }
  }
  return {
    kind: 'forward',
    requests,
    answer: ([answer]) => ({ ...answer, topics: topicsShown(answer!, judged, verdicts) }),
  }
}

function groups(api: ApiVersion, request: MessageValues, verdicts: Verdicts): JudgedRequest {
  const shape = api.response.elementOf('groups')
  const ownAnswers: MessageValues[] = []
  const kept: MessageValues[] = []
  const judgedOf = new Map<string, GroupJudged>()
  const named = new Set<string>()
  let isSame = true
  for (const each of listOf(request, 'groups')) {
    const group = each['group'] as string
    // Its answer could be that to either.
    if (named.has(group)) throw new KafkaFlaw('a group is named twice')
    named.add(group)
    const denial = verdicts.group(api.api.name, group)
    if (denial !== undefined) {
      isSame = false
      ownAnswers.push(shape.blank({ group, error: denial.code }))
      continue
    }
    const judged = judgeTopicsOf(each, shape.elementOf('topics'), verdicts, api.api.name)
    if (judged.denied.length > 0) isSame = false
    if (judged.topics?.length === 0 && judged.denied.length > 0) {
      ownAnswers.push(shape.blank({ group, topics: [...judged.denied] }))
      continue
    }
    judgedOf.set(group, judged)
    kept.push({ ...each, topics: judged.topics })
  }
  if (kept.length === 0 && ownAnswers.length > 0) {
    return { kind: 'own', answer: api.response.blank({ groups: ownAnswers }) }
  }
  return {
    kind: 'forward',
    requests: isSame ? 'same' : [{ ...request, groups: kept }],
    answer: ([answer]) => ({
      ...answer,
      groups: [
        ...ownAnswers,
        ...listOf(answer!, 'groups').map((each) => {
          const judged = judgedOf.get(each['group'] as string)
          if (judged === undefined) return { ...each, topics: [] }
          return { ...each, topics: topicsShown(each, judged, verdicts) }
        }),
      ],
    }),
  }
}

function judgeTopicsOf(
  asked: MessageValues,
  shape: MessageShape,
  verdicts: Verdicts,
  api: string,
): GroupJudged {
  const group = asked['group'] as string
  if (asked['topics'] === null) return { group, topics: null, denied: [] }
  const topics: MessageValues[] = []
  const denied: MessageValues[] = []
  for (const topic of listOf(asked, 'topics')) {
    const denial = verdicts.topic(api, 'consume', topic['name'] as string)
    if (denial === undefined) topics.push(topic)
    else denied.push(deniedTopic(shape, topic, denial))
  }
  return { group, topics, denied }
}

function topicsShown(
  answer: MessageValues,
  { topics, denied }: GroupJudged,
  verdicts: Verdicts,
): MessageValues[] {
  const all = listOf(answer, 'topics')
  const isShown = ({ name }: MessageValues) => !verdicts.hidesTopic(name as string)
  return [...denied, ...(topics === null ? all.filter(isShown) : all)]
}
