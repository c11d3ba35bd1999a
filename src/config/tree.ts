/** A YAML mapping as plain data. */
export type Raw = Readonly<Record<string, unknown>>

/** Tells a mapping from a list, a value or nothing. */
export function isSection(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at `path`; only own keys count. */
export function get(tree: unknown, path: readonly string[]): unknown {
  let value = tree
  for (const step of path) {
    if (!isSection(value) || !Object.hasOwn(value, step)) return undefined
    value = value[step]
  }
  return value
}

/**
 * A copy with one value set. A section on the way that is something else stays as it is, for the
 * schema to refuse. Nothing is changed in place: YAML's aliases let two keys share one section.
 */
export function withValue(tree: Raw, path: readonly string[], value: unknown): Raw {
  const [step, ...rest] = path
  if (step === undefined) return tree
  if (rest.length === 0) return { ...tree, [step]: value }
  const below = get(tree, [step]) ?? (Object.hasOwn(tree, step) ? null : {})
  return isSection(below) ? { ...tree, [step]: withValue(below, rest, value) } : tree
}
