import { readFileSync, statSync } from 'node:fs'

/** It is looked at no more often than this. */
const LOOK_MS = 1000

/** A small file of the system, read again when it has changed; where there is none it is empty. */
export class SystemFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  readonly #now: () => number
  #value: T | undefined
  #seen = ''
  #lookedAt = Number.NEGATIVE_INFINITY

  /** @param now milliseconds, monotonic */
  constructor(path: string, parse: (text: string) => T, now: () => number) {
    this.#path = path
    this.#parse = parse
    this.#now = now
  }

  /** What it says; the same value as long as the file is the same. */
  get value(): T {
    const now = this.#now()
    if (this.#value === undefined || now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now
      this.#look()
    }
    this.#value ??= this.#parse('')
    return this.#value
  }

  /** What cannot be read now (it is being replaced, no descriptor is left) stays what it was. */
  #look(): void {
    try {
      const { ino, size, mtimeMs } = statSync(this.#path)
      const seen = `${ino} ${size} ${mtimeMs}`
      if (seen === this.#seen) return
      this.#value = this.#parse(readFileSync(this.#path, 'utf8'))
      this.#seen = seen
    } catch {
      // Looked at again the next time.
    }
  }
}
