import { type Meter, PARAM, type Part, STAR } from './pattern-parts.ts'

// A pattern as a row of units to match one byte after the other: a literal byte is its own unit.
const FIRST_OF_PARAM = 256
const REST_OF_PARAM = 257
const ANY = 258
const SLASH = 0x2f

/**
 * Matches all ways at once: bytes times units at most, where trying one after the other could take
 * exponential time. A state is the unit to match next; a parameter ends only before a `/`.
 */
export function simulate(
  parts: readonly Part[],
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
export function overlap(one: readonly Part[], other: readonly Part[]): boolean {
  const [a, b] = [unitsOf(one), unitsOf(other)]
  const width = b.length + 1
  // Bytes that no literal names behave alike: one of them stands for all.
  const bytes = new Set([...a, ...b, SLASH, 0].filter((unit) => unit < FIRST_OF_PARAM))
  const seen = new Set([0])
  for (const pair of seen) {
    const [i, j] = [Math.floor(pair / width), pair % width]
    if (mayEnd(a, i) && mayEnd(b, j)) return true
    for (const byte of bytes) {
      for (const x of moves(a, i, byte)) {
        for (const y of moves(b, j, byte)) seen.add(x * width + y)
      }
    }
  }
  return false
}

function unitsOf(parts: readonly Part[]): number[] {
  return parts.flatMap((part) =>
    part === STAR ? [ANY] : part === PARAM ? [FIRST_OF_PARAM, REST_OF_PARAM] : [...part],
  )
}

/** The states that a byte leads to. */
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
