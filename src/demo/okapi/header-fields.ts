/**
 * Header lines as Vert.x keeps them in a MultiMap: names are found whatever their case, `get` gives
 * the FIRST of several values, and all of them are sent on.
 */
export class HeaderFields {
  readonly #lines: [string, string][] = []

  static ofRaw(raw: readonly string[]): HeaderFields {
    const fields = new HeaderFields()
    for (let i = 0; i + 1 < raw.length; i += 2) fields.add(raw[i]!, raw[i + 1]!)
    return fields
  }

  copy(): HeaderFields {
    return HeaderFields.ofRaw(this.raw())
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase()
    return this.#lines.find(([key]) => key.toLowerCase() === wanted)?.[1]
  }

  add(name: string, value: string): void {
    this.#lines.push([name, value])
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.add(name, value)
  }

  remove(...names: readonly string[]): void {
    const gone = new Set(names.map((name) => name.toLowerCase()))
    const kept = this.#lines.filter(([key]) => !gone.has(key.toLowerCase()))
    this.#lines.splice(0, this.#lines.length, ...kept)
  }

  entries(): readonly (readonly [string, string])[] {
    return this.#lines
  }

  /** Names and values in turn, as Node takes them. */
  raw(): string[] {
    return this.#lines.flat()
  }
}
