/** Major, minor, patch of an interface; -1 if there is no patch. */
export type InterfaceVersion = readonly [major: number, minor: number, patch: number]

const MAX_INT = 2_147_483_647

/**
 * One version, `16.5` or `1.2.3`, of a list separated by single blanks (okapi-core
 * InterfaceDescriptor.versionParts). Undefined where the list ends: at its end, at a double blank, or
 * at anything that is not a version.
 */
export function interfaceVersionAt(list: string, index: number): InterfaceVersion | undefined {
  const version = list.split(' ')[index]
  if (version === undefined) return undefined
  const parts = version.split('.')
  // Java's split drops empty parts at the end: `1.2.` reads as `1.2`.
  while (parts.length > 0 && parts.at(-1) === '') parts.pop()
  if (parts.length < 2 || parts.length > 3) return undefined
  const [major, minor, patch] = parts.map(readInt)
  if (major === undefined || minor === undefined) return undefined
  if (parts.length === 2) return [major, minor, -1]
  return patch === undefined ? undefined : [major, minor, patch]
}

/** Would Okapi take this text for the version of an interface, or for a list of versions? */
export function isInterfaceVersion(text: string): boolean {
  return interfaceVersionAt(text, 0) !== undefined
}

/**
 * Does the provided version meet a requirement such as `15.1 16.0`? The first entry with the same
 * major decides, later ones are not tried: `3.5 3.3` refuses 3.4 (InterfaceDescriptor.compare).
 */
export function isCompatible(provided: string, required: string): boolean {
  const p = interfaceVersionAt(provided, 0)
  if (p === undefined) return false
  for (let index = 0; ; index++) {
    const r = interfaceVersionAt(required, index)
    if (r === undefined) return false
    if (p[0] !== r[0]) continue
    if (p[1] !== r[1]) return p[1] > r[1]
    return p[2] >= r[2]
  }
}

/** As Java's Integer.parseInt reads ASCII: a sign is allowed, 32 bits. */
function readInt(text: string): number | undefined {
  const signed = text.startsWith('+') || text.startsWith('-')
  const digits = signed ? text.slice(1) : text
  if (digits === '') return undefined
  let value = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
    if (value > MAX_INT) return undefined
  }
  return text.startsWith('-') ? -value : value
}
