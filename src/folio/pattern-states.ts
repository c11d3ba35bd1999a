// A pattern as a sequence of units to match byte by byte: a literal byte is its own unit.
const FIRST_OF_PARAM = 256
const REST_OF_PARAM = 257
const ANY = 258
const SLASH = 0x2f

/**
 * Tries all ways at once, in at most bytes times units; one after the other could take exponential
 * time. A state is the unit to match next; a parameter ends only before a `/`.
 */
export function simulate(
  parts: readonly PatternPart[],
  bytes: Uint8Array,
  start: number,
  end: number,
  meter: Meter,
): boolean {
  const units = unitsOf(parts)
  let now = new Uint8Array(units.length + 1)
  let next = new Uint8Array(units.length + 1)
  now[0] = 1
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    for (let state = 0; state < units.length; state++) {
      if (now[state] === 0) continue
      meter.visited++
      const unit = units[state]!
      if (unit === ANY) {
        next[state] = 1
        now[state + 1] = 1
      } else if (unit === REST_OF_PARAM) {
        if (byte === SLASH) now[state + 1] = 1
        else next[state] = 1
      } else if (unit === FIRST_OF_PARAM ? byte !== SLASH : byte === unit) {
        next[state + 1] = 1
      }
    }
    const done = now
    now = next
    next = done.fill(0)
  }
  return now.some((reached, state) => reached === 1 && mayEnd(units, state))
}

/** Is there any path that both patterns match? */
export function overlap(one: readonly PatternPart[], other: readonly PatternPart[]): boolean {
  return commonPath(one, other) !== undefined
}

/** A path that both patterns match, one of the shortest; undefined if there is none. */
export function commonPath(
  one: readonly PatternPart[],
  other: readonly PatternPart[],
): Buffer | undefined {
  const [a, b] = [unitsOf(one), unitsOf(other)]
  const width = b.length + 1
  // Bytes that are in no literal behave alike: one of them stands for all, and is tried first.
  const named = [...a, ...b].filter((unit) => unit < FIRST_OF_PARAM)
  const unnamed = UNNAMED.find((byte) => !named.includes(byte)) ?? 0
  const bytes = new Set([unnamed, ...named, SLASH])
  const cameFrom = new Map<number, { pair: number; byte: number } | undefined>([[0, undefined]])
  for (const [pair] of cameFrom) {
    const [i, j] = [Math.floor(pair / width), pair % width]
    if (mayEnd(a, i) && mayEnd(b, j)) return pathTo(pair, cameFrom)
    // At a literal no other byte leads on: most states are such, and trying them all takes far longer.
    const only = literalAt(a, i) ?? literalAt(b, j)
    for (const byte of only === undefined ? bytes : [only]) {
      for (const x of moves(a, i, byte)) {
        for (const y of moves(b, j, byte)) {
          const next = x * width + y
          if (!cameFrom.has(next)) cameFrom.set(next, { pair, byte })
        }
      }
    }
  }
  return undefined
}

function literalAt(units: readonly number[], state: number): number | undefined {
  const unit = units[state]
  return unit !== undefined && unit < FIRST_OF_PARAM ? unit : undefined
}

// Visible, and rare in paths.
const UNNAMED = Buffer.from('~0123456789xyzqwjkvXYZQWJKV_-')

function pathTo(
  end: number,
  cameFrom: ReadonlyMap<number, { pair: number; byte: number } | undefined>,
): Buffer {
  const bytes: number[] = []
  for (let step = cameFrom.get(end); step !== undefined; step = cameFrom.get(step.pair)) {
    bytes.push(step.byte)
  }
  return Buffer.from(bytes.reverse())
}

function unitsOf(parts: readonly PatternPart[]): number[] {
  return parts.flatMap((part) =>
    part === STAR ? [ANY] : part === PARAM ? [FIRST_OF_PARAM, REST_OF_PARAM] : [...part],
  )
}

/** The states after a byte. */
function moves(units: readonly number[], state: number, byte: number): number[] {
  const unit = units[state]
  if (unit === ANY) return [state, ...moves(units, state + 1, byte)]
  if (unit === REST_OF_PARAM) return byte === SLASH ? moves(units, state + 1, byte) : [state]
  return (unit === FIRST_OF_PARAM ? byte !== SLASH : byte === unit) ? [state + 1] : []
}

/** May the path end here? */
function mayEnd(units: readonly number[], state: number): boolean {
  return units.slice(state).every((unit) => unit === ANY) || onlyParamOpen(units, state)
}

function onlyParamOpen(units: readonly number[], state: number): boolean {
  return units[state] === REST_OF_PARAM && mayEnd(units, state + 1)
}

/** `{name}`: one or more bytes up to the next `/`, greedy. */
export const PARAM = 1
/** `*`: any bytes, none and slashes included. */
export const STAR = 2

/** A piece of a pattern: literal bytes, PARAM or STAR. */
export type PatternPart = Uint8Array | typeof PARAM | typeof STAR

/** Counts the bytes that a match looked at, so that a test can limit them. */
export interface Meter {
  visited: number
}
