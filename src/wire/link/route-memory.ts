/** How many routes are distinguished; two with the same slot share what is learned. */
const PLACES = 4096
/** After this many small answers in a row a route counts as small again. */
const FORGIVEN = 8

/**
 * Which routes have had large answers. A route is the method and the path without its query;
 * segments with a digit count as alike, because they are ids. The caller chooses paths, but all it
 * can influence by that is which link is used.
 */
export class RouteMemory {
  readonly #places = new Uint8Array(PLACES)

  /** The place of a composed request head. */
  static place(head: Uint8Array, length: number): number {
    let hash = 0x811c9dc5
    let segment = hash
    let hasDigit = false
    let blanks = 0
    for (let i = 0; i < length; i++) {
      const byte = head[i]!
      if (byte === SLASH || byte === QUESTION || byte === BLANK) {
        hash = Math.imul(hash ^ (hasDigit ? DIGITS : segment), 0x01000193)
        segment = 0x811c9dc5
        hasDigit = false
        if (byte === QUESTION || (byte === BLANK && ++blanks === 2)) break
      } else {
        if (byte >= 0x30 && byte <= 0x39) hasDigit = true
        segment = Math.imul(segment ^ byte, 0x01000193)
      }
    }
    return ((hash >>> 16) ^ hash) & (PLACES - 1)
  }

  isLarge(place: number): boolean {
    return this.#places[place] !== 0
  }

  learn(place: number, large: boolean): void {
    if (large) this.#places[place] = FORGIVEN
    else if (this.#places[place] !== 0) this.#places[place]!--
  }
}

const SLASH = 0x2f
const QUESTION = 0x3f
const BLANK = 0x20
const DIGITS = 0x5bd1e995
