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

/** Sets a value; a section on the way that is something else stays as it is, for the schema to refuse. */
export function put(tree: Raw, path: readonly string[], value: unknown): void {
  let at: Record<string, unknown> = tree
  for (const step of path.slice(0, -1)) {
    if (at[step] === undefined) at[step] = {}
    const next = at[step]
    if (!isSection(next)) return
    at = next
  }
  at[path.at(-1)!] = value
}
