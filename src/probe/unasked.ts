import type { Heard } from './conversation.ts'
import { evidence } from './evidence.ts'
import type { Finding } from './finding.ts'
import { gotThrough } from './verdict.ts'

/** Got through when there are more answers than requests: one of them was smuggled. */
export function unasked(heard: Heard, requests: number): Finding | undefined {
  const { length } = heard.answers
  if (length <= requests) return undefined
  const plural = requests === 1 ? 'request' : 'requests'
  return {
    ...gotThrough(`${length} answers to ${requests} ${plural}`),
    evidence: evidence(heard),
  }
}
