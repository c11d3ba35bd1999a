const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
// Characters that need no escape are recognised by their code: see `#string`.
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const WORD = /true|false|null/y
const BLANK = /[ \t\r\n]*/y

/**
 * Where a text stops being JSON (RFC 8259); line and column from 1. Used only after JSON.parse has
 * failed, because its message usually does not say. The `yaml` package cannot tell: it has no
 * position for what YAML allows and JSON does not (a trailing comma, a comment, single quotes, a
 * line break in a string: 14 of 35 texts that JSON.parse refuses).
 */
export function jsonFlaw(text: string): { line: number; column: number } {
  const scanner = new Scanner(text)
  scanner.document()
  const before = text.slice(0, scanner.at).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

class Scanner {
  at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  document(): void {
    if (!this.#values()) return
    this.#take(BLANK)
  }

  /**
   * One value with its content; false, with `at` at the error. Depth is kept in a list, because a
   * deeply nested text must not exhaust the stack.
   */
  #values(): boolean {
    const open: ('[' | '{')[] = []
    for (;;) {
      this.#take(BLANK)
      const char = this.#text[this.at]
      if (char === '[' || char === '{') {
        this.at++
        this.#take(BLANK)
        if (this.#text[this.at] === (char === '[' ? ']' : '}')) this.at++
        else {
          open.push(char)
          if (char === '{' && !this.#key()) return false
          continue
        }
      } else if (!this.#string() && !this.#take(NUMBER) && !this.#take(WORD)) return false
      if (!this.#closed(open)) return false
      if (open.length === 0) return true
      if (open.at(-1) === '{' && !this.#key()) return false
    }
  }

  /** What follows a value: ends of lists and objects, then a comma, or nothing at the top. */
  #closed(open: ('[' | '{')[]): boolean {
    while (open.length > 0) {
      this.#take(BLANK)
      const char = this.#text[this.at]
      if (char !== ',' && char !== (open.at(-1) === '[' ? ']' : '}')) return false
      this.at++
      if (char === ',') return true
      open.pop()
    }
    return true
  }

  #key(): boolean {
    this.#take(BLANK)
    if (!this.#string()) return false
    this.#take(BLANK)
    if (this.#text[this.at] !== ':') return false
    this.at++
    return true
  }

  /** A complete string; otherwise `at` stays before it. */
  #string(): boolean {
    const start = this.at
    if (this.#text[start] !== '"') return false
    this.at++
    for (;;) {
      const char = this.#text[this.at]
      if (char === '"') break
      const plain = char !== undefined && char >= ' ' && char !== '\\'
      if (plain) this.at++
      else if (!this.#take(ESCAPE)) {
        this.at = start
        return false
      }
    }
    this.at++
    return true
  }

  #take(what: RegExp): boolean {
    what.lastIndex = this.at
    const found = what.exec(this.#text)
    if (found === null) return false
    this.at += found[0].length
    return true
  }
}
