/** Longer than any name in PostgreSQL, and long enough to distinguish applications. */
const MOST_CHARACTERS = 100

/**
 * A client's name for itself, safe for log and terminal: everything but printable ASCII as \uXXXX,
 * because a terminal may interpret control characters, including C1 and direction marks; and not
 * longer than a line.
 */
export function shown(text: string): string {
  const short = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}...` : text
  return short.replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The same between quotation marks. */
export function quoted(text: string): string {
  return `"${shown(text).replaceAll('"', '\\"')}"`
}
