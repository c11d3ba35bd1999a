import type { ApiVersion } from './apis/api.ts'
import { type JudgedRequest, listOf, PASS } from './judged.ts'
import type { MessageValues } from './message.ts'
import type { KafkaDenial, Verdicts } from './verdict.ts'
import { KafkaFlaw } from './wire-reader.ts'

/** FindCoordinatorRequest.CoordinatorType */
const GROUP = 0
const TRANSACTION = 1

/** The coordinator of a group, or a transaction: only for those of this module. */
export function judgeCoordinator(
  api: ApiVersion,
  request: MessageValues,
  verdicts: Verdicts,
): JudgedRequest {
  const { name } = api.api
  const keyType = (request['keyType'] as number | undefined) ?? GROUP
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    throw new KafkaFlaw(`a coordinator of kind ${keyType} is not known here`)
  }
  const judge = (key: string): KafkaDenial | undefined =>
    keyType === GROUP ? verdicts.group(name, key) : verdicts.transaction(name, key)
  if (typeof request['key'] === 'string') {
    const denial = judge(request['key'])
    if (denial === undefined) return PASS
    const { code: error, message } = denial
    return { kind: 'own', answer: api.response.blank({ error, message }) }
  }
  const shape = api.response.elementOf('coordinators')
  const allowed: string[] = []
  const denied: MessageValues[] = []
  for (const key of request['keys'] as string[]) {
    const denial = judge(key)
    if (denial === undefined) allowed.push(key)
    else denied.push(shape.blank({ key, error: denial.code, message: denial.message }))
  }
  if (denied.length === 0) return PASS
  if (allowed.length === 0) {
    return { kind: 'own', answer: api.response.blank({ coordinators: denied }) }
  }
  return {
    kind: 'forward',
    requests: [{ ...request, keys: allowed }],
    answer: ([answer]) => {
      return { ...answer, coordinators: [...denied, ...listOf(answer!, 'coordinators')] }
    },
  }
}
