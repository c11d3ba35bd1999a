import { APIS } from './apis/all.ts'
import type { ApiVersion } from './apis/api.ts'
import { KafkaFlaw, type WireReader } from './wire-reader.ts'

/** Key, version and correlation id: what every request begins with. */
const FIXED_BYTES = 8
/** ApiVersions is answered by a head without tagged fields in every version (KIP-511). */
const API_VERSIONS = 18

/** The head of a request (protocol guide, "Request Header"). */
export interface RequestHead {
  readonly key: number
  readonly version: number
  readonly correlationId: number
  /** Undefined: not supported here, and nothing more was read. */
  readonly api: ApiVersion | undefined
  readonly clientId: string | null
}

/**
 * Reads the head. The reader is positioned after the length of the frame, and afterwards at the
 * body.
 */
export function readRequestHead(reader: WireReader): RequestHead {
  if (reader.end - reader.at < FIXED_BYTES) throw new KafkaFlaw('a request has no head')
  const [key, version, correlationId] = [reader.int16(), reader.int16(), reader.int32()]
  const api = APIS.find(key, version)
  if (api === undefined) return { key, version, correlationId, api, clientId: null }
  // Not compact in any version.
  const length = reader.textLength(false)
  const clientId = length === -1 ? null : reader.text(length)
  if (api.flexible) noTags(reader)
  return { key, version, correlationId, api, clientId }
}

/** Has the head of the answer tagged fields? */
export function hasTaggedAnswer({ api, flexible }: ApiVersion): boolean {
  return flexible && api.key !== API_VERSIONS
}

/** Reads the correlation id of an answer, and what else its head has. */
export function readAnswerHead(reader: WireReader, api: ApiVersion): number {
  const correlationId = reader.int32()
  if (hasTaggedAnswer(api)) noTags(reader)
  return correlationId
}

function noTags(reader: WireReader): void {
  if (reader.varint() !== 0) throw new KafkaFlaw('a head has a tagged field that is not known here')
}
