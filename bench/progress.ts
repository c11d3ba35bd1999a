import { formatDuration } from './report/numbers.ts'

/** Shows on a terminal what is being done; says nothing without a terminal. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #began = performance.now()

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream
  }

  /** Replaces the line that is there. */
  readonly tell = (doing: string, done?: number, of?: number): void => {
    if (!this.#stream.isTTY) return
    const at = done === undefined || of === undefined ? '' : `${Math.floor((100 * done) / of)} % `
    const text = `${formatDuration(performance.now() - this.#began)} ${at}${doing}`
    this.#stream.write(`\r\x1b[K${text.slice(0, Math.max(20, this.#stream.columns - 1))}`)
  }

  /** Takes the line away. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K')
  }
}
