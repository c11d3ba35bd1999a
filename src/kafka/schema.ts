/**
 * How a message is described: fields in the order of the wire, each `name type`, then optionally
 * the versions that have it (`@3+`, `@2-7`), the number of a tagged field (`#0`), and the default
 * value (`=-1`). Types are those of the protocol guide; `?` before one: it may be null. `[...]` is
 * an array of a primitive type or of structures, `{...}` one structure. `raw [...]`: the array is
 * checked like any other but kept as bytes, and read only when it is asked for.
 */

export type PrimitiveType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uuid'
  | 'string'
  | 'bytes'

/** The type of a field. */
export type FieldType =
  | { readonly kind: PrimitiveType; readonly nullable: boolean }
  | {
      readonly kind: 'array'
      readonly nullable: boolean
      readonly raw: boolean
      readonly of: FieldType
    }
  | { readonly kind: 'struct'; readonly nullable: boolean; readonly fields: readonly SchemaField[] }

/** One field of a message, in some of its versions. */
export interface SchemaField {
  readonly name: string
  readonly type: FieldType
  readonly from: number
  readonly to: number
  readonly tag: number | undefined
  readonly fallback: string | undefined
}

const PRIMITIVES = ['bool', 'int8', 'int16', 'int32', 'int64', 'uuid', 'string', 'bytes'] as const
const TOKENS = /[A-Za-z]\w*|[?[\]{}]|@\d+(?:-\d+|\+)?|#\d+|=-?\w*|\S/g

/** Parses a description. Throws an Error for an invalid one, which is a bug. */
export function schemaOf(description: string): readonly SchemaField[] {
  const tokens = description.match(TOKENS) ?? []
  let at = 0
  const next = () => tokens[at]
  const expect = (token: string) => {
    if (tokens[at++] !== token) throw new Error(`${token} is missing: ${description}`)
  }
  const option = (sign: string) => {
    const token = next()
    if (token?.startsWith(sign) !== true) return undefined
    at++
    return token.slice(1)
  }
  const fields = (): SchemaField[] => {
    const all: SchemaField[] = []
    while (next() !== undefined && /^[A-Za-z]/.test(next()!)) all.push(field())
    return all
  }
  const field = (): SchemaField => {
    const name = tokens[at++]!
    const type = typeOf()
    const [from, to] = rangeOf(option('@'))
    const tag = option('#')
    const fallback = option('=')
    return { name, type, from, to, tag: tag === undefined ? undefined : Number(tag), fallback }
  }
  const typeOf = (): FieldType => {
    const raw = next() === 'raw'
    if (raw) at++
    const nullable = next() === '?'
    if (nullable) at++
    const token = tokens[at++]
    if (token === '{') {
      const inner = fields()
      expect('}')
      return { kind: 'struct', nullable, fields: inner }
    }
    if (token === '[') {
      const of: FieldType = isPrimitive(next())
        ? typeOf()
        : { kind: 'struct', nullable: false, fields: fields() }
      expect(']')
      return { kind: 'array', nullable, raw, of }
    }
    if (!isPrimitive(token)) throw new Error(`${token} is no type: ${description}`)
    return { kind: token, nullable }
  }
  const all = fields()
  if (at !== tokens.length) throw new Error(`${next()} is no field: ${description}`)
  return all
}

function isPrimitive(token: string | undefined): token is PrimitiveType {
  return PRIMITIVES.some((name) => name === token)
}

function rangeOf(text: string | undefined): [number, number] {
  if (text === undefined) return [0, Number.POSITIVE_INFINITY]
  const [from, to] = text.split(/[-+]/)
  if (text.endsWith('+')) return [Number(from), Number.POSITIVE_INFINITY]
  return [Number(from), Number(to ?? from)]
}
