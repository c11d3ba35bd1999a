import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { APIS } from '../../src/kafka/apis/all.ts'
import type { ApiEntry } from '../../src/kafka/apis/api.ts'
import { type FieldType, type SchemaField, schemaOf } from '../../src/kafka/schema.ts'
import { classPath, KAFKA_PROFILES, type KafkaProfile } from '../support/kafka/class-path.ts'
import { withKafka } from '../support/kafka-java.ts'

// Our descriptions of messages against Kafka's own, which kafka-clients carries: every field of every version.

interface Definition {
  readonly apiKey: number
  readonly type: 'request' | 'response'
  readonly name: string
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly Field[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly Field[] }[]
}

interface Field {
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly fields?: readonly Field[]
}

function definitionsOf(profile: KafkaProfile): readonly Definition[] {
  const jars = classPath(profile)!.split(delimiter)
  const jar = jars.find((each) => /kafka-clients-[\d.]+\.jar$/.test(each))!
  const directory = mkdtempSync(join(tmpdir(), 'kafka-messages-'))
  try {
    execFileSync('unzip', ['-q', jar, 'common/message/*.json', '-d', directory])
    const folder = join(directory, 'common/message')
    return readdirSync(folder)
      .filter((name) => /(Request|Response)\.json$/.test(name))
      .map((name) => JSON.parse(withoutComments(readFileSync(join(folder, name), 'utf8'))))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function withoutComments(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^\s*\/\/.*$/, ''))
  return lines.map((line) => line.replace(/([,{[\]}"])\s*\/\/.*$/, '$1')).join('\n')
}

function isIn(range: string | undefined, version: number): boolean {
  const [, first, more] = /^(\d+)(\+|-\d+)?$/.exec(range ?? '') ?? []
  if (first === undefined) return false
  if (more === '+') return version >= Number(first)
  return version >= Number(first) && version <= Number(more?.slice(1) ?? first)
}

/** The wire of one version in one line: types in their order, tagged fields by their tags. */
function theirs(
  fields: readonly Field[],
  structs: ReadonlyMap<string, readonly Field[]>,
  version: number,
): string {
  const has = fields.filter(({ versions }) => isIn(versions, version))
  return written(
    has.map(({ type, nullableVersions, taggedVersions, tag, fields: inner }) => {
      const name = type.replace('[]', '').replace('records', 'bytes')
      const isPrimitive = /^[a-z]/.test(name)
      const of = isPrimitive ? name : `{${theirs(inner ?? structs.get(name)!, structs, version)}}`
      const whole = type.startsWith('[]') ? `[${of}]` : of
      const text = `${isIn(nullableVersions, version) ? '?' : ''}${whole}`
      return { text, tag: isIn(taggedVersions, version) ? tag : undefined }
    }),
  )
}

function ours(fields: readonly SchemaField[], version: number): string {
  const has = fields.filter(({ from, to }) => from <= version && version <= to)
  return written(has.map(({ type, tag }) => ({ text: typeText(type, version), tag })))
}

function typeText(type: FieldType, version: number): string {
  const nullable = type.nullable ? '?' : ''
  if (type.kind === 'array') return `${nullable}[${typeText(type.of, version)}]`
  if (type.kind === 'struct') return `${nullable}{${ours(type.fields, version)}}`
  return `${nullable}${type.kind}`
}

function written(all: readonly { text: string; tag: number | undefined }[]): string {
  const plain = all.filter(({ tag }) => tag === undefined).map(({ text }) => text)
  const tagged = all.flatMap(({ text, tag }) => (tag === undefined ? [] : [{ tag, text }]))
  const sorted = tagged.toSorted((one, other) => one.tag - other.tag)
  return [...plain, ...sorted.map(({ tag, text }) => `#${tag}${text}`)].join(' ')
}

function compare(t: ExecutionContext, entry: ApiEntry, all: readonly Definition[]) {
  let compared = 0
  for (const kind of ['request', 'response'] as const) {
    const definition = all.find(({ apiKey, type }) => apiKey === entry.key && type === kind)!
    if (kind === 'request') t.is(definition.name, `${entry.name}Request`)
    const { commonStructs = [], validVersions, flexibleVersions, fields } = definition
    const structs = new Map(commonStructs.map((each) => [each.name, each.fields]))
    for (let version = entry.versions[0]; version <= entry.versions[1]; version++) {
      if (!isIn(validVersions, version)) continue
      compared++
      const own = ours(schemaOf(entry[kind]), version)
      t.is(own, theirs(fields, structs, version), `${definition.name} ${version}`)
      const flexible = version >= (entry.flexible ?? Number.POSITIVE_INFINITY)
      t.is(flexible, isIn(flexibleVersions, version), `${definition.name} ${version} is flexible`)
    }
  }
  return compared
}

for (const profile of KAFKA_PROFILES) {
  withKafka(`messages are described as kafka-clients describes them: ${profile}`, async (t) => {
    const all = definitionsOf(profile)
    const compared = APIS.entries.map((entry) => compare(t, entry, all))
    t.true(compared.every((count) => count > 0))
    t.true(compared.reduce((sum, count) => sum + count, 0) > 300)
  })
}
