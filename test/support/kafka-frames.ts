import { APIS } from '../../src/kafka/apis/all.ts'
import type { ApiVersion } from '../../src/kafka/apis/api.ts'
import { type FieldType, type SchemaField, schemaOf } from '../../src/kafka/schema.ts'

// Frames of Kafka's protocol, made by hand: an independent encoder, so that reader and writer do not share
// a mistake.

export const int8 = (value: number) => numberOf(1, (bytes) => bytes.writeInt8(value))
export const int16 = (value: number) => numberOf(2, (bytes) => bytes.writeInt16BE(value))
export const int32 = (value: number) => numberOf(4, (bytes) => bytes.writeInt32BE(value))
export const int64 = (value: bigint) => numberOf(8, (bytes) => bytes.writeBigInt64BE(value))

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  while (left > 127) {
    bytes.push((left & 127) | 128)
    left = Math.floor(left / 128)
  }
  return Buffer.from([...bytes, left])
}

/** A text with its length in two bytes; null: -1. */
export function text(value: string | null): Buffer {
  if (value === null) return int16(-1)
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}

/** A text of the flexible versions. */
export function compactText(value: string | null): Buffer {
  if (value === null) return varint(0)
  return Buffer.concat([varint(Buffer.byteLength(value) + 1), Buffer.from(value)])
}

/** No tagged fields. */
export const NO_TAGS = Buffer.from([0])

export function list(items: readonly Buffer[]): Buffer {
  return Buffer.concat([int32(items.length), ...items])
}

export function compactList(items: readonly Buffer[]): Buffer {
  return Buffer.concat([varint(items.length + 1), ...items])
}

/** Parts with their length in front. */
export function frame(...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([int32(bytes.length), bytes])
}

/** A request with its head. */
export function requestFrame(
  { api, version, flexible }: ApiVersion,
  body: Buffer,
  { correlationId = 7, clientId = 'test' as string | null } = {},
): Buffer {
  const head = [int16(api.key), int16(version), int32(correlationId), text(clientId)]
  return frame(...head, ...(flexible ? [NO_TAGS] : []), body)
}

/** An answer with its head. */
export function answerOf({ api, flexible }: ApiVersion, body: Buffer, correlationId = 7): Buffer {
  return frame(int32(correlationId), ...(flexible && api.key !== 18 ? [NO_TAGS] : []), body)
}

/** An API in an existing version. */
export function apiOf(key: number, version: number): ApiVersion {
  const found = APIS.find(key, version)
  if (found === undefined) throw new Error(`there is no API ${key} in version ${version}`)
  return found
}

/** Every API in every version. */
export function everyApi(): ApiVersion[] {
  return APIS.entries.flatMap(({ key, versions: [first, last] }) =>
    Array.from({ length: last - first + 1 }, (_, i) => apiOf(key, first + i)),
  )
}

/** Values for a message, by the names of the description; missing ones are invented. */
export interface Given {
  readonly [name: string]: unknown
}

/** Some message as a description has it. `random` gives numbers from 0 to below 1. */
export function messageBytes(
  description: string,
  { version, flexible }: Pick<ApiVersion, 'version' | 'flexible'>,
  random: () => number,
  given: Given = {},
): Buffer {
  return new Maker(version, flexible, random).fields(schemaOf(description), given)
}

class Maker {
  readonly #version: number
  readonly #flexible: boolean
  readonly #random: () => number

  constructor(version: number, flexible: boolean, random: () => number) {
    this.#version = version
    this.#flexible = flexible
    this.#random = random
  }

  fields(fields: readonly SchemaField[], given: Given): Buffer {
    const has = fields.filter(({ from, to }) => from <= this.#version && this.#version <= to)
    const plain = has
      .filter(({ tag }) => tag === undefined)
      .map(({ name, type }) => this.#value(type, given[name]))
    if (!this.#flexible) return Buffer.concat(plain)
    const tagged = has
      .filter(({ tag, name }) => tag !== undefined && (name in given || this.#random() < 0.5))
      .toSorted((one, other) => one.tag! - other.tag!)
      .map(({ tag, name, type }) => {
        const bytes = this.#value(type, given[name])
        return Buffer.concat([varint(tag!), varint(bytes.length), bytes])
      })
    return Buffer.concat([...plain, varint(tagged.length), ...tagged])
  }

  #value(type: FieldType, given: unknown): Buffer {
    const isNull = given === undefined ? type.nullable && this.#random() < 0.3 : given === null
    switch (type.kind) {
      case 'array': {
        if (isNull) return this.#flexible ? varint(0) : int32(-1)
        const items = (given as unknown[] | undefined) ?? Array(this.#upTo(4)).fill(undefined)
        const bytes = items.map((each) => this.#value(type.of, each))
        return this.#flexible ? compactList(bytes) : list(bytes)
      }
      case 'struct':
        return this.fields(type.fields, (given as Given | undefined) ?? {})
      case 'string': {
        const value = isNull ? null : ((given as string | undefined) ?? this.#text())
        return this.#flexible ? compactText(value) : text(value)
      }
      case 'bytes': {
        if (isNull) return this.#flexible ? varint(0) : int32(-1)
        const value = (given as Buffer | undefined) ?? Buffer.from(this.#text())
        const length = this.#flexible ? varint(value.length + 1) : int32(value.length)
        return Buffer.concat([length, value])
      }
      case 'uuid':
        return Buffer.alloc(16, this.#upTo(256))
      case 'bool':
        return int8(((given as boolean | undefined) ?? this.#random() < 0.5) ? 1 : 0)
      case 'int8':
        return int8((given as number | undefined) ?? this.#upTo(100))
      case 'int16':
        return int16((given as number | undefined) ?? this.#upTo(1000))
      case 'int32':
        return int32((given as number | undefined) ?? this.#upTo(100_000))
      case 'int64':
        return int64((given as bigint | undefined) ?? BigInt(this.#upTo(1e9)))
    }
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * most)
  }

  #text(): string {
    return 'töpic-'.repeat(this.#upTo(4)) + this.#upTo(1000)
  }
}

function numberOf(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size)
  write(bytes)
  return bytes
}

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
