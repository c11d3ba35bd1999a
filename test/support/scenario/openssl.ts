import { type ChildProcess, spawn } from 'node:child_process'
import { until } from '../patience.ts'

/** A run of the program `openssl`: an independent peer. */
export interface OpenSsl {
  /** Everything that it has printed so far, on both of its outputs. */
  readonly said: string
  readonly ended: boolean
  type(text: string): void
  /** Waits for words in what it prints. */
  says(words: RegExp): Promise<void>
  /** Ends its input, and waits for its end. Resolves to all that it has printed. */
  end(): Promise<string>
  kill(): void
}

/** Starts it; its configuration is its own. */
export function openSsl(args: readonly string[]): OpenSsl {
  const { OPENSSL_CONF: _ours, ...env } = process.env
  return new Running(spawn('openssl', args, { stdio: 'pipe', env }))
}

class Running implements OpenSsl {
  said = ''
  ended = false
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
    for (const out of [child.stdout, child.stderr]) {
      out?.on('data', (part: Buffer) => {
        this.said += part.toString('latin1')
      })
    }
    child.stdin?.on('error', () => {})
    child.on('close', () => {
      this.ended = true
    })
  }

  type(text: string): void {
    this.#child.stdin?.write(text, 'latin1')
  }

  async says(words: RegExp): Promise<void> {
    await until(() => words.test(this.said) || this.ended)
    if (!words.test(this.said)) throw new Error(`never said ${words}: ${this.said}`)
  }

  async end(): Promise<string> {
    this.#child.stdin?.end()
    await until(() => this.ended)
    return this.said
  }

  kill(): void {
    this.#child.kill()
  }
}
