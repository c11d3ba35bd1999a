/** Everything that a remark may be about; each has a series of its own in the metrics. */
export const REMARKS = [
  'audit trail',
  'credentials',
  'credentials in use',
  'file descriptors',
  'log',
  'policy',
  'public certificate',
  'revocation lists',
] as const
export type RemarkSubject = (typeof REMARKS)[number]

/**
 * What must have happened before this sidecar takes traffic. Every part registers what it has to do
 * and completes it; ready is when nothing is left, and while nothing drains.
 */
export class Readiness {
  readonly #awaiting = new Map<string, number>()
  readonly #remarks = new Map<RemarkSubject, string>()
  readonly #watched = new Map<RemarkSubject, () => string | undefined>()
  #draining = false

  /** Names one thing to wait for; the function that is returned completes it, once. */
  register(what: string): () => void {
    this.#awaiting.set(what, (this.#awaiting.get(what) ?? 0) + 1)
    let done = false
    return () => {
      if (done) return
      done = true
      const left = (this.#awaiting.get(what) ?? 1) - 1
      if (left === 0) this.#awaiting.delete(what)
      else this.#awaiting.set(what, left)
    }
  }

  /** From now on not ready, for good: load balancers send no more. */
  drain(): void {
    this.#draining = true
  }

  get ready(): boolean {
    return this.#awaiting.size === 0 && !this.#draining
  }

  get draining(): boolean {
    return this.#draining
  }

  /** A remark that does not affect readiness, but that an operator should see; undefined: over. */
  remark(about: RemarkSubject, words: string | undefined): void {
    if (words === undefined) this.#remarks.delete(about)
    else this.#remarks.set(about, words)
  }

  /** The same, computed when it is read; undefined: no remark now. */
  watch(about: RemarkSubject, words: () => string | undefined): void {
    this.#watched.set(about, words)
  }

  /** The remarks in force. */
  get remarks(): Readonly<Record<string, string>> {
    const remarks = Object.fromEntries(this.#remarks)
    for (const [about, read] of this.#watched) {
      const words = read()
      if (words !== undefined) remarks[about] = words
    }
    return remarks
  }

  /** What it waits for, in the order of registration. */
  get awaiting(): readonly string[] {
    return [...this.#awaiting.keys()]
  }
}
