import type { Problem } from '../fault.ts'

/** Gathers everything that is wrong with a generation, so that a person mends it in one go. */
export class Problems {
  readonly #list: Problem[] = []

  get all(): readonly Problem[] {
    return this.#list
  }

  /** Is there an error among them? */
  get any(): boolean {
    return this.#list.some(({ severity }) => severity === 'error')
  }

  error(file: string, message: string, hint?: string): void {
    this.#add('error', file, message, hint)
  }

  warning(file: string, message: string, hint?: string): void {
    this.#add('warning', file, message, hint)
  }

  #add(severity: Problem['severity'], file: string, message: string, hint?: string): void {
    this.#list.push({ severity, message, where: { file }, ...(hint !== undefined && { hint }) })
  }
}
