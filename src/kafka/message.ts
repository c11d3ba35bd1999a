import type { FieldType, SchemaField } from './schema.ts'
import { KafkaFlaw, WireReader } from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

/** An array that was checked and kept as bytes. */
export class RawArray {
  readonly #bytes: Buffer
  readonly #type: ArrayAt
  readonly #flexible: boolean

  constructor(bytes: Buffer, type: ArrayAt, flexible: boolean) {
    this.#bytes = bytes
    this.#type = type
    this.#flexible = flexible
  }

  read(): MessageValue[] {
    const reader = new WireReader(this.#bytes, 0, { dropsTags: true })
    return readArray(reader, { ...this.#type, raw: false }, this.#flexible) as MessageValue[]
  }

  write(writer: WireWriter): void {
    writer.slice(this.#bytes)
  }
}

/** What a field holds. A uuid and bytes are views of the frame. */
export type MessageValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | Buffer
  | RawArray
  | MessageValue[]
  | MessageValues

/** A structure. A missing tagged field is undefined. */
export interface MessageValues {
  [name: string]: MessageValue
}

interface ArrayAt {
  readonly kind: 'array'
  readonly nullable: boolean
  readonly raw: boolean
  readonly of: TypeAt
}

type TypeAt =
  | Exclude<FieldType, { readonly kind: 'array' | 'struct' }>
  | ArrayAt
  | { readonly kind: 'struct'; readonly nullable: boolean; readonly struct: MessageShape }

interface FieldAt {
  readonly name: string
  readonly type: TypeAt
  readonly fallback: string | undefined
}

/** The description of a structure, for one version. */
export class MessageShape {
  readonly #plain: readonly FieldAt[]
  readonly #tagged: ReadonlyMap<number, FieldAt>
  readonly flexible: boolean

  /** @param flexible have its versions compact lengths and tagged fields (KIP-482)? */
  constructor(fields: readonly SchemaField[], version: number, flexible: boolean) {
    this.flexible = flexible
    const has = fields.filter(({ from, to }) => from <= version && version <= to)
    const at = (field: SchemaField): FieldAt => {
      return { ...field, type: typeAt(field.type, version, flexible) }
    }
    this.#plain = has.filter(({ tag }) => tag === undefined).map(at)
    this.#tagged = new Map(
      has
        .filter(({ tag }) => tag !== undefined)
        .toSorted((one, other) => one.tag! - other.tag!)
        .map((field) => [field.tag!, at(field)]),
    )
  }

  has(name: string): boolean {
    return this.#plain.some((field) => field.name === name)
  }

  /** The structure that is an element of an array of this one. */
  elementOf(name: string): MessageShape {
    const type = this.#plain.find((field) => field.name === name)?.type
    if (type?.kind !== 'array' || type.of.kind !== 'struct') throw new Error(`no array ${name}`)
    return type.of.struct
  }

  read(reader: WireReader): MessageValues {
    const values: MessageValues = {}
    for (const { name, type } of this.#plain) values[name] = readValue(reader, type, this.flexible)
    this.#tags(reader, ({ name, type }) => {
      values[name] = readValue(reader, type, true)
    })
    return values
  }

  /** Checks without keeping. */
  skip(reader: WireReader): void {
    for (const { type } of this.#plain) skipValue(reader, type, this.flexible)
    this.#tags(reader, ({ type }) => skipValue(reader, type, true))
  }

  write(writer: WireWriter, values: MessageValues): void {
    for (const { name, type } of this.#plain) {
      const value = values[name]
      if (value === undefined) throw new Error(`the field ${name} is missing`)
      writeValue(writer, type, this.flexible, value)
    }
    if (!this.flexible) return
    const tagged = [...this.#tagged].filter(([, { name }]) => values[name] !== undefined)
    writer.varint(tagged.length)
    for (const [tag, { name, type }] of tagged) {
      writer.varint(tag)
      writer.varint(sizeOf(type, values[name]!))
      writeValue(writer, type, true, values[name]!)
    }
  }

  /** A structure with default values, except for these. */
  blank(given: MessageValues): MessageValues {
    const values: MessageValues = {}
    for (const { name, type, fallback } of this.#plain) {
      values[name] = given[name] ?? nothing(type, fallback)
    }
    return values
  }

  #tags(reader: WireReader, read: (field: FieldAt) => void): void {
    if (!this.flexible) return
    let last = -1
    for (let left = reader.varint(); left > 0; left--) {
      const tag = reader.varint()
      if (tag <= last) throw new KafkaFlaw('tagged fields are not in order')
      last = tag
      const size = reader.varint()
      const field = this.#tagged.get(tag)
      const end = reader.at + size
      if (field === undefined) {
        if (!reader.dropsTags) throw new KafkaFlaw(`the tagged field ${tag} is not known here`)
        reader.take(size)
        reader.dropped = true
        continue
      }
      read(field)
      if (reader.at !== end) throw new KafkaFlaw(`the tagged field ${tag} has another size`)
    }
  }
}

function typeAt(type: FieldType, version: number, flexible: boolean): TypeAt {
  if (type.kind === 'array') return { ...type, of: typeAt(type.of, version, flexible) }
  if (type.kind !== 'struct') return type
  const { kind, nullable, fields } = type
  return { kind, nullable, struct: new MessageShape(fields, version, flexible) }
}

function readValue(reader: WireReader, type: TypeAt, compact: boolean): MessageValue {
  switch (type.kind) {
    case 'array':
      return readArray(reader, type, compact)
    case 'struct':
      return type.struct.read(reader)
    case 'uuid':
      return reader.slice(16)
    case 'string': {
      const length = notNull(reader.textLength(compact), type)
      return length === -1 ? null : reader.text(length)
    }
    case 'bytes': {
      const length = notNull(reader.length(compact), type)
      return length === -1 ? null : reader.slice(length)
    }
    default:
      return reader[type.kind]()
  }
}

function readArray(reader: WireReader, type: ArrayAt, compact: boolean): MessageValue {
  if (type.raw) {
    const from = reader.at
    skipArray(reader, type, compact)
    return new RawArray(reader.bytes.subarray(from, reader.at), type, compact)
  }
  const count = notNull(reader.count(compact, true), type)
  if (count === -1) return null
  const all: MessageValue[] = []
  for (let i = 0; i < count; i++) all.push(readValue(reader, type.of, compact))
  return all
}

const WIDTHS = { int8: 1, int16: 2, int32: 4, int64: 8, uuid: 16 } as const

function skipValue(reader: WireReader, type: TypeAt, compact: boolean): void {
  switch (type.kind) {
    case 'array':
      return skipArray(reader, type, compact)
    case 'struct':
      return type.struct.skip(reader)
    case 'bool':
      return void reader.bool()
    case 'string':
      return void reader.take(Math.max(0, notNull(reader.textLength(compact), type)))
    case 'bytes':
      return void reader.take(Math.max(0, notNull(reader.length(compact), type)))
    default:
      reader.take(WIDTHS[type.kind])
  }
}

function skipArray(reader: WireReader, type: ArrayAt, compact: boolean): void {
  const count = notNull(reader.count(compact, false), type)
  for (let i = 0; i < count; i++) skipValue(reader, type.of, compact)
}

function notNull(length: number, { nullable }: { readonly nullable: boolean }): number {
  if (length === -1 && !nullable) throw new KafkaFlaw('null where it is not allowed')
  return length
}

function writeValue(writer: WireWriter, type: TypeAt, compact: boolean, value: MessageValue): void {
  switch (type.kind) {
    case 'array':
      if (value instanceof RawArray) return value.write(writer)
      if (value === null) return writer.length(-1, compact)
      writer.length((value as MessageValue[]).length, compact)
      for (const each of value as MessageValue[]) writeValue(writer, type.of, compact, each)
      return
    case 'struct':
      return type.struct.write(writer, value as MessageValues)
    case 'uuid':
      return writer.slice(value as Buffer)
    case 'string':
      if (value === null) return writer.textLength(-1, compact)
      writer.textLength(Buffer.byteLength(value as string), compact)
      return writer.text(value as string)
    case 'bytes':
      if (value === null) return writer.length(-1, compact)
      writer.length((value as Buffer).length, compact)
      return writer.slice(value as Buffer)
    case 'bool':
      return writer.bool(value as boolean)
    case 'int64':
      return writer.int64(value as bigint)
    default:
      writer[type.kind](value as number)
  }
}

function sizeOf(type: TypeAt, value: MessageValue): number {
  const writer = new WireWriter()
  writeValue(writer, type, true, value)
  return writer.size
}

const NO_UUID = Buffer.alloc(16)

function nothing(type: TypeAt, fallback: string | undefined): MessageValue {
  if (type.kind === 'int64') return BigInt(fallback ?? 0)
  if (type.kind === 'bool') return fallback === 'true'
  if (type.kind === 'uuid') return NO_UUID
  if (type.nullable) return null
  if (type.kind === 'string') return ''
  if (type.kind === 'array') return []
  if (type.kind === 'bytes') return Buffer.alloc(0)
  if (type.kind === 'struct') return type.struct.blank({})
  return Number(fallback ?? 0)
}
