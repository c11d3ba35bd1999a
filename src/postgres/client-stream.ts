import { FROM_CLIENT, MessageScanner, type MessageWatcher, type Scanned } from './protocol.ts'

/** Parse, Bind, Describe, Execute, Close, Flush: their answer ends with that to the next Sync. */
const EXTENDED: ReadonlySet<number> = new Set(Buffer.from('PBDECH'))

/**
 * What a client sends after its start-up message. During the login only answers to authentication requests
 * pass, one for each; the rest waits until the server has said who this is.
 */
export class ClientStream implements MessageWatcher {
  readonly #scanner = new MessageScanner(this)
  readonly #answerDue: () => boolean
  readonly #proven: () => void
  #open = false
  /** Queries, function calls and syncs that ReadyForQuery has not answered yet. */
  #pending = 0
  /** Something was asked by the extended protocol, and no Sync has come behind it yet. */
  #unsynced = false

  /** @param answerDue does the server wait for an answer? `proven` is called when one passes. */
  constructor(answerDue: () => boolean, proven: () => void) {
    this.#answerDue = answerDue
    this.#proven = proven
  }

  /** Were whole messages passed, and nothing else come? */
  get atBoundary(): boolean {
    return this.#scanner.atBoundary && this.#scanner.held === 0
  }

  /** Is the server still to answer something, or is a message not whole? */
  get isBusy(): boolean {
    return this.#pending > 0 || this.#unsynced || !this.atBoundary
  }

  /** A ReadyForQuery came. */
  answered(): void {
    if (this.#pending > 0) this.#pending--
  }

  /** Bytes that wait here. */
  get held(): number {
    return this.#scanner.held
  }

  /** The login is over: everything passes from now on. */
  open(): void {
    this.#open = true
  }

  scan(chunk: Buffer, pass: (bytes: Uint8Array) => void): Scanned {
    return this.#scanner.scan(chunk, pass)
  }

  begins(type: number): 'through' | 'whole' | 'wait' | 'end' {
    if (this.#open) {
      this.#count(type)
      return 'through'
    }
    if (!this.#answerDue()) return 'wait'
    return type === FROM_CLIENT.password ? 'whole' : 'end'
  }

  read(): 'pass' {
    this.#proven()
    return 'pass'
  }

  #count(type: number): void {
    const { query, sync, functionCall } = FROM_CLIENT
    if (type === query || type === sync || type === functionCall) {
      this.#pending++
      this.#unsynced = false
    } else if (EXTENDED.has(type)) this.#unsynced = true
  }
}
