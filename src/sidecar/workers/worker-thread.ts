import { Worker } from 'node:worker_threads'
import { Fault } from '../../fault.ts'
import type { Asks, Said, SaidEntry } from './messages.ts'

/** Callbacks for events of a thread. */
export interface WorkerEvents {
  /** Whole lines for the log. */
  lines(lines: string | Uint8Array): void
  /** An entry for the audit trail. */
  entry(entry: SaidEntry): void
  /** It ended without being told to; called once. */
  died(why: string): void
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Another thread, which answers requests. */
export class WorkerThread {
  readonly #worker: Worker
  readonly #events: WorkerEvents
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0
  #why: string | undefined
  #over = false

  /** `name`: for debuggers and messages. */
  constructor(file: URL, name: string, events: WorkerEvents) {
    this.#events = events
    this.#worker = new Worker(file, { name })
    this.#worker.on('message', (said: Said) => this.#said(said))
    this.#worker.on('messageerror', (error) => this.#ends(error.message))
    this.#worker.on('error', (error) => {
      this.#why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    // After the last message, and after `error` if there was one.
    this.#worker.on('exit', (code) => this.#ends(this.#why ?? `exit code ${code}`))
  }

  /** False: it no longer answers. */
  get alive(): boolean {
    return !this.#over
  }

  /** Throws a Fault if it answers with one for the operator, an Error when it dies. */
  ask<K extends keyof Asks>(ask: K, what: Asks[K][0]): Promise<Asks[K][1]> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(new Error(`asked to ${ask} after its end`))
      const id = this.#asked++
      this.#waiting.set(id, { resolve: (value) => resolve(value as Asks[K][1]), reject })
      this.#worker.postMessage({ id, ask, what })
    })
  }

  /** Ends it at once; messages that it has already sent are still delivered. */
  end(): void {
    this.#over = true
    void this.#worker.terminate()
  }

  #said(said: Said): void {
    if ('lines' in said) return this.#events.lines(said.lines)
    if ('entry' in said) return this.#events.entry(said.entry)
    const waiting = this.#waiting.get(said.id)
    this.#waiting.delete(said.id)
    if ('problems' in said) waiting?.reject(new Fault(said.problems))
    else waiting?.resolve(said.value)
  }

  #ends(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`a worker died: ${why}`))
    this.#waiting.clear()
    if (this.#over) return
    this.#over = true
    this.#events.died(why)
    void this.#worker.terminate()
  }
}
