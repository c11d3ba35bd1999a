import { dirname, resolve } from 'node:path'
import type { Problem, Where } from '../fault.ts'
import type { ConfiguredRule } from './config.ts'
import { type Document, get, type Raw } from './document.ts'
import type { Setting } from './environment.ts'
import type { Flaw } from './issues.ts'

/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly where: Where }
  | { readonly kind: 'environment'; readonly variable: string }

/** What is read where no file is named, if it exists. */
export const DEFAULT_FILE = 'sidecar.yaml'

/** A document, and the file that it was read from, if any. */
export interface Source extends Document {
  readonly file: string | undefined
}

/** Knows which of the two sources a key came from. */
export class Places {
  readonly #document: Source
  readonly #settings: readonly Setting[]

  constructor(document: Source, settings: readonly Setting[]) {
    this.#document = document
    this.#settings = settings
  }

  origin(path: readonly string[], given: Raw): Origin {
    const variable = this.#variable(path)
    if (variable !== undefined) return { kind: 'environment', variable }
    if (get(given, path) === undefined) return { kind: 'default' }
    return { kind: 'file', where: this.#document.at(path) }
  }

  problem(severity: Problem['severity'], { path, key, message, hint }: Flaw): Problem {
    const inFile = key !== undefined && this.#variable(path) === undefined
    const where = inFile ? this.#document.atKey(path, key) : this.at(path)
    return { severity, message, where, ...(hint === undefined ? {} : { hint }) }
  }

  /** The variable that set a value, else its place in the file. */
  at(path: readonly PropertyKey[]): Where {
    const variable = this.#variable(path)
    return variable === undefined ? this.#document.at(path) : { file: variable }
  }

  /** One rule of a list, with its place. */
  clause(path: readonly string[], i: number, value: unknown): ConfiguredRule {
    const variable = this.#variable(path)
    const pointer = variable === undefined ? `/${path.join('/')}/${i}` : `/${i}`
    return { value, file: variable ?? this.#document.file ?? DEFAULT_FILE, pointer }
  }

  /** A path in the file is relative to the file, one in the environment to the working directory. */
  absolute(path: string, key: readonly string[]): string {
    const file = this.#document.file
    if (file === undefined || this.#variable(key) !== undefined) return resolve(path)
    return resolve(dirname(file), path)
  }

  #variable(path: readonly PropertyKey[]): string | undefined {
    // The last one set wins: the project's own names come after the aliases.
    return this.#settings.findLast((setting) => setting.path.every((step, i) => step === path[i]))
      ?.variable
  }
}
