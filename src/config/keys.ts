import * as z from 'zod'
import type { FileSchema } from './schema.ts'

/** A key that holds a value rather than further sections. */
export interface Key {
  /** `['egress', 'gatewayModule']`. */
  readonly path: readonly string[]
  /** `SIDECAR_EGRESS_GATEWAY_MODULE`. */
  readonly variable: string
  /** Text is taken as it is; everything else is JSON. */
  readonly takes: 'text' | 'json' | 'text or json'
  /** As it would be written; undefined where there is none. */
  readonly byDefault: unknown
  readonly description: string | undefined
  /** The innermost section that may be absent, and with it the key; `[]` for none. */
  readonly within: readonly string[]
}

/** Every key of the file in its order, read from the schema. */
export function keysIn(file: FileSchema): readonly Key[] {
  return leaves(file, [], [])
}

function leaves(
  schema: z.core.$ZodType,
  path: readonly string[],
  within: readonly string[],
): Key[] {
  const { inner, byDefault, optional } = unwrap(schema)
  if (inner instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = inner.shape
    const section = optional ? path : within
    return Object.entries(shape).flatMap(([key, value]) => leaves(value, [...path, key], section))
  }
  const description = z.globalRegistry.get(schema)?.description
  const variable = variableOf(path)
  return [{ path, variable, takes: takes(inner), byDefault, description, within }]
}

interface Unwrapped {
  readonly inner: z.core.$ZodType
  readonly byDefault: unknown
  readonly optional: boolean
}

function unwrap(schema: z.core.$ZodType): Unwrapped {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return { ...unwrap(schema.unwrap()), byDefault: schema.def.defaultValue }
  }
  if (schema instanceof z.ZodOptional) return { ...unwrap(schema.unwrap()), optional: true }
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  return { inner: schema, byDefault: undefined, optional: false }
}

function takes(schema: z.core.$ZodType): Key['takes'] {
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return 'text'
  return schema instanceof z.ZodUnion ? 'text or json' : 'json'
}

function variableOf(path: readonly string[]): string {
  const words = path.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())
  return ['SIDECAR', ...words].join('_')
}

/** The keys that a section or an item of a list may have; empty for anything else. */
export function keysOf(file: FileSchema, path: readonly PropertyKey[]): readonly string[] {
  let at: readonly z.core.$ZodType[] = [file]
  for (const step of path) at = at.flatMap(options).flatMap((schema) => below(schema, step))
  return at
    .flatMap(options)
    .flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []))
}

function options(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { inner } = unwrap(schema)
  return inner instanceof z.ZodUnion ? inner.options.flatMap(options) : [inner]
}

function below(schema: z.core.$ZodType, step: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.ZodArray) return [schema.element]
  if (schema instanceof z.ZodRecord) return [schema.valueType]
  if (!(schema instanceof z.ZodObject)) return []
  const shape: Readonly<Record<PropertyKey, z.core.$ZodType>> = schema.shape
  const value = shape[step]
  return value === undefined ? [] : [value]
}
