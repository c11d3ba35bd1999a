import { FROM_CLIENT } from './protocol.ts'

/** A step of the extended protocol is answered by one message of its own, the others by ReadyForQuery. */
type Kind = 'step' | 'query' | 'sync'

/** More runs of requests than any driver has open: beyond this a session counts as busy. */
const MOST_RUNS = 10_000

const { query, functionCall, sync } = FROM_CLIENT
/** Parse, Bind, Describe, Execute, Close. */
const STEPS: ReadonlySet<number> = new Set(Buffer.from('PBDEC'))
/** ParseComplete, BindComplete, CloseComplete; RowDescription, NoData; CommandComplete, EmptyQuery, PortalSuspended. */
const STEP_ANSWERS: ReadonlySet<number> = new Set(Buffer.from('123TnCIs'))
const ERROR_RESPONSE = 0x45

/**
 * Which requests of a client the server has not answered yet. After an error in a step of the extended protocol
 * the server skips all until the next Sync, queries too (PostgreSQL, "Extended Query": ignore_till_sync).
 */
export class OpenRequests {
  /** Like ones in a row, the oldest first. */
  readonly #runs: { kind: Kind; count: number }[] = []
  /** There was a request of the extended protocol without a Sync after it. */
  #unsynced = false
  /** The server skips what comes. */
  #skipping = false
  #lost = false

  /** Are there no open requests, complete or begun? */
  get none(): boolean {
    return this.#runs.length === 0 && !this.#unsynced && !this.#lost
  }

  /** A message of the client. */
  asked(type: number): void {
    if (type === sync) {
      this.#skipping = false
      this.#unsynced = false
      this.#add('sync')
    } else if (this.#skipping) return
    else if (type === query || type === functionCall) this.#add('query')
    else if (STEPS.has(type)) {
      this.#unsynced = true
      this.#add('step')
    }
  }

  /** A message of the server, unless it is ReadyForQuery. */
  said(type: number): void {
    const first = this.#runs[0]
    if (first?.kind !== 'step') return
    if (type === ERROR_RESPONSE) this.#skip()
    else if (STEP_ANSWERS.has(type)) this.#take(first)
  }

  /** ReadyForQuery. */
  answered(): void {
    // It ends all steps, even if their answers were miscounted.
    if (this.#runs[0]?.kind === 'step') this.#skip()
    const first = this.#runs[0]
    if (first !== undefined) this.#take(first)
  }

  #add(kind: Kind): void {
    const last = this.#runs.at(-1)
    if (last?.kind === kind) last.count++
    else if (this.#runs.length < MOST_RUNS) this.#runs.push({ kind, count: 1 })
    else this.#lost = true
  }

  #take(first: { count: number }): void {
    if (--first.count === 0) this.#runs.shift()
  }

  #skip(): void {
    const next = this.#runs.findIndex(({ kind }) => kind === 'sync')
    this.#runs.splice(0, next === -1 ? this.#runs.length : next)
    this.#skipping = next === -1
  }
}
