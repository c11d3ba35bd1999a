const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
/** Texts above this length are cut, as `jsonText` does it. */
const LONGEST = 512
/** Up to here numbers are written digit by digit; what is larger, broken or negative, by V8. */
const SMALL = 2 ** 31
const POINT = asciiBytes('.')

/**
 * Lines of JSON, ASCII only, collected as bytes. Every exchange writes one, so no objects are made
 * that the garbage collector would have to keep until the batch is full.
 */
export class JsonLine {
  length = 0
  #bytes: Buffer

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes)
  }

  /** Everything written so far, valid until the next write. Starts again empty. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.length)
    this.length = 0
    return bytes
  }

  /** A part that another line has made, which may be long. */
  span(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** What our own code wrote, made to bytes once by `ascii`. */
  plain(text: Uint8Array): void {
    this.#reserve(text.length)
    const bytes = this.#bytes
    let at = this.length
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i]!
    this.length = at
  }

  /** `name` (with its comma and colon) and a text; nothing where the text is empty. */
  text(name: Uint8Array, text: string): void {
    if (text === '') return
    this.plain(name)
    this.#quoted(text)
  }

  /**
   * The same for values chosen by a caller: a token in a request id or tenant header could
   * otherwise be stolen from the log.
   */
  textOfCaller(name: Uint8Array, text: string): void {
    this.text(name, withoutToken(text))
  }

  /**
   * A whole number. JSON has no NaN and no Infinity: such a number is a bug and is written as 0.
   */
  whole(name: Uint8Array, value: number): void {
    this.plain(name)
    this.#whole(value)
  }

  /** A number in thousandths, which are whole: microseconds where the unit is milliseconds. */
  thousandths(name: Uint8Array, value: number): void {
    this.plain(name)
    if (!(value >= 0 && value < SMALL)) return this.#whole(value / 1000)
    const whole = (value / 1000) | 0
    this.#digits(whole, 1)
    this.plain(POINT)
    this.#digits(value - whole * 1000, 3)
  }

  #whole(value: number): void {
    if (value >= 0 && value < SMALL) this.#digits(Math.trunc(value), 1)
    else this.plain(asciiBytes(String(Number.isFinite(value) ? Math.trunc(value) : 0)))
  }

  /** A number below 1000, with leading zeros. */
  threeDigits(value: number): void {
    this.#digits(value, 3)
  }

  /** Nothing a caller sends can end the line, forge another or reach the terminal of its reader. */
  #quoted(text: string): void {
    const start = this.length
    this.#reserve(Math.min(text.length, LONGEST) + 2)
    const bytes = this.#bytes
    let at = start
    bytes[at++] = QUOTE
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (i === LONGEST || code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        return this.plain(asciiBytes(jsonText(text)))
      }
      bytes[at++] = code
    }
    bytes[at++] = QUOTE
    this.length = at
  }

  /** At least `least` digits; of an integer below SMALL. */
  #digits(value: number, least: 1 | 3): void {
    let count = least
    for (let power = least === 1 ? 10 : 1000; power <= value; power *= 10) count++
    this.#reserve(count)
    const bytes = this.#bytes
    let left = value
    for (let at = this.length + count - 1; at >= this.length; at--) {
      // V8 multiplies where it knows of an integer, and divides where it does not.
      const rest = (left / 10) | 0
      bytes[at] = ZERO + left - rest * 10
      left = rest
    }
    this.length += count
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow((this.length + more) * 2)
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#bytes = grown
  }
}

/** Every JWT begins with base64url of `{"`: a text that may contain one is not logged. */
export function withoutToken(text: string): string {
  return text.includes('eyJ') ? '[masked]' : text
}

/** The bytes of an ASCII text that our own code wrote. */
export function asciiBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

/**
 * A JSON string of ASCII only, quotes included: nothing a caller sends can end the line, forge
 * another or reach the terminal of its reader. Plain text goes through as it is.
 */
function jsonText(text: string): string {
  if (text.length > LONGEST) return jsonText(`${text.slice(0, LONGEST - 1)}~`)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return escaped(text)
  }
  return `"${text}"`
}

function escaped(text: string): string {
  return asciiJson(JSON.stringify(text))
}

/** The same JSON in ASCII: other characters stand in its strings only. */
export function asciiJson(json: string): string {
  return json.replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
