import { OpenRequests } from './open-requests.ts'
import { FROM_CLIENT, MessageScanner, type MessageWatcher, type Scanned } from './protocol.ts'

/**
 * What a client sends after its start-up message. During the login only answers to authentication
 * requests pass, one for each; the rest waits until the server has reported the role.
 */
export class ClientStream implements MessageWatcher {
  readonly #scanner = new MessageScanner(this)
  readonly #answerDue: () => boolean
  readonly #proven: () => void
  /** What the server has not answered yet. */
  readonly requests = new OpenRequests()
  #open = false

  /** @param answerDue does the server wait for an answer? `proven` is called when one passes. */
  constructor(answerDue: () => boolean, proven: () => void) {
    this.#answerDue = answerDue
    this.#proven = proven
  }

  /** Were only complete messages passed? */
  get atBoundary(): boolean {
    return this.#scanner.atBoundary && this.#scanner.held === 0
  }

  /** Is the server still to answer something, or is a message not whole? */
  get isBusy(): boolean {
    return !this.requests.none || !this.atBoundary
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
      this.requests.asked(type)
      return 'through'
    }
    if (!this.#answerDue()) return 'wait'
    return type === FROM_CLIENT.password ? 'whole' : 'end'
  }

  read(): 'pass' {
    this.#proven()
    return 'pass'
  }
}
