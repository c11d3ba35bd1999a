import { MessageShape } from '../message.ts'
import type { TopicRight } from '../rules.ts'
import { type SchemaField, schemaOf } from '../schema.ts'

/**
 * Whose word decides about a request. The names of fields say the rest, and mean the same in every message:
 * `transaction`, `group`, `groups`, `topics` with `name` and `partitions` with `index`, `resources`. `error` and
 * `message` are what an answer says of each.
 *
 * `open`: nothing is judged. `topics`: transaction, group and topics, as far as the request has them.
 * `allTopics`: the same, but one refused topic stops all. `admin`: the name of the API, and then its topics,
 * groups or resources. The others have rules of their own.
 */
export type ApiRule =
  | 'open'
  | 'topics'
  | 'allTopics'
  | 'groupList'
  | 'admin'
  | 'resources'
  | 'fetch'
  | 'metadata'
  | 'coordinator'
  | 'offsetFetch'

/** One API as it is written down: from the protocol guide, in versions that are understood here. */
export interface ApiEntry {
  readonly key: number
  readonly name: string
  readonly versions: readonly [number, number]
  /** The first version with compact lengths and tagged fields; undefined: none of them. */
  readonly flexible?: number
  readonly rule: ApiRule
  /** What has to be allowed of each topic. */
  readonly right?: TopicRight
  readonly request: string
  readonly response: string
}

/** One API in one version. */
export interface ApiVersion {
  readonly api: ApiEntry
  readonly version: number
  readonly flexible: boolean
  readonly request: MessageShape
  readonly response: MessageShape
}

/** All APIs that are understood, and no others. */
export class ApiTable {
  readonly entries: readonly ApiEntry[]
  readonly #byKey: ReadonlyMap<number, ApiEntry>
  readonly #fields = new Map<string, readonly SchemaField[]>()
  readonly #versions = new Map<string, ApiVersion>()

  constructor(entries: readonly ApiEntry[]) {
    this.entries = entries
    this.#byKey = new Map(entries.map((entry) => [entry.key, entry]))
  }

  entry(key: number): ApiEntry | undefined {
    return this.#byKey.get(key)
  }

  /** Undefined: this API, or this version of it, is not understood here. */
  find(key: number, version: number): ApiVersion | undefined {
    const api = this.#byKey.get(key)
    if (api === undefined) return undefined
    const [first, last] = api.versions
    if (version < first || version > last) return undefined
    const name = `${key} ${version}`
    let found = this.#versions.get(name)
    if (found === undefined) {
      const flexible = version >= (api.flexible ?? Number.POSITIVE_INFINITY)
      const shape = (text: string) => new MessageShape(this.#read(text), version, flexible)
      const [request, response] = [shape(api.request), shape(api.response)]
      found = { api, version, flexible, request, response }
      this.#versions.set(name, found)
    }
    return found
  }

  #read(description: string): readonly SchemaField[] {
    let fields = this.#fields.get(description)
    if (fields === undefined) {
      fields = schemaOf(description)
      this.#fields.set(description, fields)
    }
    return fields
  }
}
