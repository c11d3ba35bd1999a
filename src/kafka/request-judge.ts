import type { ApiVersion } from './apis/api.ts'
import { KAFKA_ERRORS } from './errors.ts'
import type { FetchSessions } from './fetch-sessions.ts'
import { judgeCoordinator } from './judge-coordinator.ts'
import { judgeMetadata } from './judge-metadata.ts'
import { judgeOffsetFetch } from './judge-offset-fetch.ts'
import { deniedAll, deniedTopic, type JudgedRequest, listOf, PASS, topicName } from './judged.ts'
import type { MessageValues } from './message.ts'
import type { TopicRight } from './rules.ts'
import type { KafkaDenial, Verdicts } from './verdict.ts'

/** ConfigResource.Type.TOPIC */
const TOPIC_RESOURCE = 2

/** Checks one request against the rules. */
export function judgeRequest(
  api: ApiVersion,
  request: MessageValues,
  verdicts: Verdicts,
  sessions: FetchSessions,
): JudgedRequest {
  verdicts.begin(api.api.name)
  switch (api.api.rule) {
    case 'open':
      return PASS
    case 'topics':
    case 'allTopics':
      return judgeTopics(api, request, verdicts)
    case 'groupList':
      return judgeGroups(api, request, verdicts)
    case 'admin':
      return judgeAdministration(api, request, verdicts)
    case 'resources':
      return judgeResources(api, request, verdicts)
    case 'fetch':
      return sessions.judge(api, request, verdicts)
    case 'metadata':
      return judgeMetadata(api, request, verdicts)
    case 'coordinator':
      return judgeCoordinator(api, request, verdicts)
    case 'offsetFetch':
      return judgeOffsetFetch(api, request, verdicts)
  }
}

/** Transaction, group and topics: as brokers ask for them, in this order. */
function judgeTopics(api: ApiVersion, request: MessageValues, verdicts: Verdicts): JudgedRequest {
  const { name, rule, right } = api.api
  const { transaction, group } = request
  if (typeof transaction === 'string') {
    const denial = verdicts.transaction(name, transaction)
    if (denial !== undefined) return ownAnswer(api, request, denial)
  }
  if (typeof group === 'string') {
    const denial = verdicts.group(name, group)
    if (denial !== undefined) return ownAnswer(api, request, denial)
  }
  if (right === undefined || !api.request.has('topics')) return PASS
  return sortTopics(api, request, (topic) => verdicts.topic(name, right, topic), rule)
}

function ownAnswer(api: ApiVersion, request: MessageValues, denial: KafkaDenial): JudgedRequest {
  // acks=0: the client waits for no answer (protocol guide, Produce).
  const answer = request['acks'] === 0 ? null : deniedAll(api, request, denial)
  return { kind: 'own', answer }
}

type TopicOfRequest = MessageValues | string

/** Removes forbidden topics, and puts their errors into the answer. */
function sortTopics(
  api: ApiVersion,
  request: MessageValues,
  judge: (topic: string) => KafkaDenial | undefined,
  rule: string,
): JudgedRequest {
  const shape = api.response.elementOf('topics')
  const allowed: TopicOfRequest[] = []
  const denied: MessageValues[] = []
  let last: KafkaDenial | undefined
  for (const topic of listOf(request, 'topics') as readonly TopicOfRequest[]) {
    const denial = judge(topicName(topic))
    last = denial ?? last
    if (denial === undefined) allowed.push(topic)
    else denied.push(deniedTopic(shape, topic, denial))
  }
  if (last === undefined) return PASS
  if (request['acks'] === 0 && allowed.length === 0) return { kind: 'own', answer: null }
  if (allowed.length === 0) return { kind: 'own', answer: api.response.blank({ topics: denied }) }
  if (rule === 'allTopics') {
    const untried = { ...last, code: KAFKA_ERRORS.operationNotAttempted, message: '' }
    const others = allowed.map((topic) => deniedTopic(shape, topic, untried))
    return { kind: 'own', answer: api.response.blank({ topics: [...denied, ...others] }) }
  }
  return {
    kind: 'forward',
    requests: [{ ...request, topics: allowed as MessageValues[] }],
    answer: ([answer]) => ({ ...answer, topics: [...denied, ...listOf(answer!, 'topics')] }),
  }
}

/** DescribeGroups names groups; ListGroups requests all, and gets those of this module. */
function judgeGroups(api: ApiVersion, request: MessageValues, verdicts: Verdicts): JudgedRequest {
  if (!api.request.has('groups')) {
    const isShown = (group: MessageValues) => !verdicts.hidesGroup(group['group'] as string)
    return {
      kind: 'forward',
      requests: 'same',
      answer: ([answer]) => ({ ...answer, groups: listOf(answer!, 'groups').filter(isShown) }),
    }
  }
  return sortGroups(api, request, verdicts)
}

function sortGroups(api: ApiVersion, request: MessageValues, verdicts: Verdicts): JudgedRequest {
  const shape = api.response.elementOf('groups')
  const names = request['groups'] as string[]
  const allowed: string[] = []
  const denied: MessageValues[] = []
  for (const group of names) {
    const denial = verdicts.group(api.api.name, group)
    if (denial === undefined) allowed.push(group)
    else denied.push(shape.blank({ group, error: denial.code }))
  }
  if (denied.length === 0) return PASS
  if (allowed.length === 0) return { kind: 'own', answer: api.response.blank({ groups: denied }) }
  return {
    kind: 'forward',
    requests: [{ ...request, groups: allowed }],
    answer: ([answer]) => ({ ...answer, groups: [...denied, ...listOf(answer!, 'groups')] }),
  }
}

/**
 * An administrative API reaches only topics that the module may create, or groups that it may be
 * in.
 */
function judgeAdministration(
  api: ApiVersion,
  request: MessageValues,
  verdicts: Verdicts,
): JudgedRequest {
  const { name } = api.api
  const [topics, groups] = [api.request.has('topics'), api.request.has('groups')]
  const isOfGroup = groups || api.request.has('group')
  const code = isOfGroup
    ? KAFKA_ERRORS.groupAuthorizationFailed
    : topics
      ? KAFKA_ERRORS.topicAuthorizationFailed
      : KAFKA_ERRORS.clusterAuthorizationFailed
  const denial = verdicts.administration(name, code)
  if (denial !== undefined) return { kind: 'own', answer: deniedAll(api, request, denial) }
  if (groups) return sortGroups(api, request, verdicts)
  if (typeof request['group'] === 'string') {
    const refused = verdicts.group(name, request['group'])
    if (refused !== undefined) return { kind: 'own', answer: deniedAll(api, request, refused) }
  }
  const right: TopicRight = isOfGroup ? 'consume' : 'create'
  if (!topics) return PASS
  return sortTopics(api, request, (topic) => verdicts.topic(name, right, topic), api.api.rule)
}

/** A module that may see a topic may read its configuration; everything else is administration. */
function judgeResources(
  api: ApiVersion,
  request: MessageValues,
  verdicts: Verdicts,
): JudgedRequest {
  const { name } = api.api
  const shape = api.response.elementOf('resources')
  const allowed: MessageValues[] = []
  const denied: MessageValues[] = []
  for (const resource of listOf(request, 'resources')) {
    const { resourceType, resourceName } = resource
    const topic = resourceType === TOPIC_RESOURCE ? (resourceName as string) : undefined
    const denial = judgeResource(name, topic, verdicts)
    if (denial === undefined) allowed.push(resource)
    else {
      const { code: error, message } = denial
      denied.push(
        shape.blank({ error, message, resourceType: resourceType!, resourceName: resourceName! }),
      )
    }
  }
  if (denied.length === 0) return PASS
  if (allowed.length === 0) {
    return { kind: 'own', answer: api.response.blank({ resources: denied }) }
  }
  return {
    kind: 'forward',
    requests: [{ ...request, resources: allowed }],
    answer: ([answer]) => ({ ...answer, resources: [...denied, ...listOf(answer!, 'resources')] }),
  }
}

function judgeResource(
  name: string,
  topic: string | undefined,
  verdicts: Verdicts,
): KafkaDenial | undefined {
  if (topic === undefined) {
    const code = KAFKA_ERRORS.clusterAuthorizationFailed
    if (name === 'DescribeConfigs') return verdicts.administration(name, code)
    return verdicts.never(name, `${name} changes topics only, not brokers or other resources`, code)
  }
  if (name === 'DescribeConfigs') return verdicts.visible(name, topic)
  const code = KAFKA_ERRORS.topicAuthorizationFailed
  return verdicts.administration(name, code) ?? verdicts.topic(name, 'create', topic)
}
