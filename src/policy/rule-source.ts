import type { Problem } from '../fault.ts'

/** One rule as a person wrote it, not yet read, with its place. */
export interface RuleSource {
  readonly value: unknown
  readonly file: string
  /** RFC 6901 pointer of the rule in its file. */
  readonly pointer: string
}

/** The rules of the list at `pointer` in `file`. */
export function ruleSources(list: readonly unknown[], file: string, pointer: string): RuleSource[] {
  return list.map((value, i) => ({ value, file, pointer: `${pointer}/${i}` }))
}

/**
 * Thrown by `ClauseReader` and caught by `readClauses`: this rule is invalid, continue with the
 * next.
 */
class Unreadable extends Error {
  readonly pointer: string

  constructor(pointer: string, message: string) {
    super(message)
    this.pointer = pointer
  }
}

/** Reads all rules of a kind; one that cannot be read is an error and left out. */
export function readRules<T>(
  list: readonly RuleSource[],
  problems: Problem[],
  read: (reader: RuleReader) => T,
): T[] {
  return list.flatMap((source) => {
    try {
      return [read(new RuleReader(source))]
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      const where = { file: source.file, pointer: error.pointer }
      problems.push({ severity: 'error', message: error.message, where })
      return []
    }
  })
}

/** The fields of one rule, checked while they are read. */
export class RuleReader {
  readonly file: string
  readonly pointer: string
  readonly #fields: Record<string, unknown>

  constructor({ value, file, pointer }: RuleSource) {
    this.file = file
    this.pointer = pointer
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Unreadable(pointer, 'must be an object')
    }
    this.#fields = { ...value }
  }

  /** Refuses unknown fields: a typing error in `until` must not make a rule permanent. */
  only(names: readonly string[]): void {
    for (const name of Object.keys(this.#fields)) {
      if (!names.includes(name)) this.fail(name, `there is no field ${name} here`)
    }
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null
  }

  text(name: string): string {
    const value = this.#fields[name]
    if (typeof value !== 'string' || value.trim() === '') {
      return this.fail(name, `${name} must be a text that is not empty`)
    }
    return value
  }

  isText(name: string): boolean {
    return typeof this.#fields[name] === 'string'
  }

  texts(name: string): string[] {
    const value = this.#fields[name]
    if (!Array.isArray(value) || value.length === 0) {
      return this.fail(name, `${name} must be a list that is not empty`)
    }
    return value.map((entry: unknown) =>
      typeof entry === 'string' ? entry : this.fail(name, `${name} must be a list of texts`),
    )
  }

  /** A list of texts that may be empty or absent. */
  list(name: string): string[] {
    const value = this.#fields[name]
    const empty = Array.isArray(value) && value.length === 0
    return this.has(name) && !empty ? this.texts(name) : []
  }

  /** An object inside the rule. */
  object(name: string): RuleReader {
    const pointer = `${this.pointer}/${name}`
    return new RuleReader({ value: this.#fields[name], file: this.file, pointer })
  }

  /** A list of rules; empty where there is none. */
  rules(name: string): readonly unknown[] {
    if (!this.has(name)) return []
    const value = this.#fields[name]
    return Array.isArray(value) ? value : this.fail(name, `${name} must be a list`)
  }

  /** One of these words; undefined if it is missing, or with `elseMore` if it is not text. */
  oneOf<T extends string>(name: string, words: readonly T[], elseMore = false): T | undefined {
    const value = this.#fields[name]
    if (!this.has(name) || (elseMore && typeof value !== 'string')) return undefined
    const word = words.find((each) => each === value)
    return word ?? this.fail(name, `${name} must be one of ${words.join(', ')}`)
  }

  /**
   * A date `2027-01-31` (UTC) or a full time with its zone, in milliseconds since 1970. `end`: a
   * date without a time means its last moment, not its first.
   */
  date(name: string, edge: 'start' | 'end'): number {
    const text = this.text(name)
    const bare = /^\d{4}-\d{2}-\d{2}$/.test(text)
    const timed = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)
    const ms = bare || timed ? Date.parse(text) : Number.NaN
    if (Number.isNaN(ms)) {
      return this.fail(name, `${name} must be a date such as 2027-01-31, not ${text}`)
    }
    return bare && edge === 'end' ? ms + 24 * 60 * 60 * 1000 : ms
  }

  /** The same for a place deeper in it: `members/3`. */
  failAt(place: string, message: string): never {
    throw new Unreadable(`${this.pointer}/${place}`, message)
  }

  fail(name: string, message: string): never {
    throw new Unreadable(this.has(name) ? `${this.pointer}/${name}` : this.pointer, message)
  }
}
