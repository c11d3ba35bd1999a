import { APIS } from './apis/all.ts'
import type { ApiVersion } from './apis/api.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { listOf } from './judged.ts'
import type { MessageValues } from './message.ts'

export const API_VERSIONS = 18

/**
 * What a client sees of a broker: the APIs and versions that both the broker and the sidecar
 * support.
 */
export function narrowed(answer: MessageValues): MessageValues {
  const apis = listOf(answer, 'apis').flatMap((each) => {
    const entry = APIS.entry(each['key'] as number)
    if (entry === undefined) return []
    const first = Math.max(each['first'] as number, entry.versions[0])
    const last = Math.min(each['last'] as number, entry.versions[1])
    return first > last ? [] : [{ ...each, first, last }]
  })
  return { ...answer, apis }
}

/**
 * The version of an answer to ApiVersions: for an unknown version a broker answers in version 0.
 */
export function versionOfAnswer(api: ApiVersion, error: number): ApiVersion {
  if (error !== KAFKA_ERRORS.unsupportedVersion) return api
  return APIS.find(API_VERSIONS, 0) ?? api
}

/** A broker's answer to an unknown version of ApiVersions (KIP-511): the versions of this API. */
export function unsupportedVersions(): { api: ApiVersion; answer: MessageValues } {
  const api = APIS.find(API_VERSIONS, 0)!
  const [first, last] = api.api.versions
  const apis = [{ key: API_VERSIONS, first, last }]
  return { api, answer: api.response.blank({ error: KAFKA_ERRORS.unsupportedVersion, apis }) }
}
