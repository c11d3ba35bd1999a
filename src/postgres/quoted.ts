/** Longer than any name in PostgreSQL, and than what tells one application from another. */
const MOST_CHARACTERS = 100

/**
 * What a client calls itself, fit for a log and a terminal: everything but printable ASCII as \uXXXX, because a terminal
 * may take control characters, C1 ones too, and marks that turn the direction of text for its own; and no longer than
 * a line.
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
