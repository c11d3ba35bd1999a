import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Issued } from './authority.ts'
import { tempFolder } from './temp.ts'

/** A run of `openssl s_client`. */
export class Client {
  /** Everything that it printed so far, on both of its outputs. */
  output = ''
  readonly #child: ChildProcess
  /** Is it over? */
  ended = false
  #wake: () => void = () => {}

  constructor(args: readonly string[]) {
    this.#child = spawn('openssl', ['s_client', ...args], { stdio: 'pipe' })
    const note = (text: Buffer) => {
      this.output += String(text)
      this.#wake()
    }
    this.#child.stdout?.on('data', note)
    this.#child.stderr?.on('data', note)
    this.#child.stdin?.on('error', () => {})
    this.#child.on('close', () => {
      this.ended = true
      this.#wake()
    })
  }

  type(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Waits for words in its output; its end without them is an Error with all that it said. */
  async says(words: RegExp): Promise<void> {
    while (!words.test(this.output)) {
      if (this.ended) throw new Error(`never said ${words}: ${this.output}`)
      await this.#news()
    }
  }

  /** Ends its input and waits for its end. */
  async end(): Promise<string> {
    this.#child.stdin?.end()
    while (!this.ended) await this.#news()
    return this.output
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/** A folder for a client's files, gone when the process ends. */
export class Folder {
  readonly #path = tempFolder()

  file(name: string): string {
    return join(this.#path, name)
  }

  /** The arguments with which s_client shows this certificate. */
  shown({ name, key, cert }: Issued): string[] {
    writeFileSync(this.file(`${name}.key`), key)
    writeFileSync(this.file(`${name}.pem`), cert)
    const path = this.file(`${name}.pem`)
    return ['-key', this.file(`${name}.key`), '-cert', path, '-cert_chain', path]
  }
}
