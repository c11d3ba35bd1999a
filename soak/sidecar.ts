import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const MAIN = new URL('../src/main.ts', import.meta.url).pathname
const HEAP = new URL('./heap.ts', import.meta.url).pathname

/** What a process holds, after its garbage was collected. */
export interface Held {
  readonly heapBytes: number
  /** Buffers and the like. */
  readonly externalBytes: number
  readonly rssBytes: number
}

type Listening = Readonly<Record<string, string>>

/** A sidecar as a process that can be asked what it holds. */
export class Sidecar {
  readonly name: string
  /** Log lines at level `error` and above, and everything on standard error. */
  readonly complaints: string[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown[]>
  #listening: Listening = {}

  private constructor(name: string, file: string) {
    this.name = name
    this.#child = spawn(
      process.execPath,
      ['--expose-gc', '--import', HEAP, MAIN, 'run', '-c', file],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    )
    this.#ended = once(this.#child, 'exit')
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.#complains(line))
  }

  /** Starts one and waits for its `ready`. */
  static async start(name: string, file: string): Promise<Sidecar> {
    const sidecar = new Sidecar(name, file)
    const ready = new Promise<Listening>((resolve, reject) => {
      createInterface({ input: sidecar.#child.stdout! }).on('line', (text) => {
        // Thousands a second, and nothing to be learned from them here.
        if (text.includes('"msg":"exchange"')) return
        const line: { msg?: string; level?: string; listening?: Listening } = JSON.parse(text)
        if (line.msg === 'ready') resolve(line.listening ?? {})
        if (line.level === 'error' || line.level === 'fatal') sidecar.#complains(text)
      })
      void sidecar.#ended.then(([code]) => reject(new Error(`${name} ended with ${code}`)))
    })
    sidecar.#listening = await ready
    return sidecar
  }

  port(listener: string): number {
    return Number(this.#listening[listener]?.split(':').at(-1))
  }

  async held(): Promise<Held> {
    this.#child.send('held?')
    const [held] = await once(this.#child, 'message')
    return held as Held
  }

  /** Ends it politely; resolves to its exit code, null where it was killed. */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM')
    const [code] = await this.#ended
    return code
  }

  #complains(text: string): void {
    if (this.complaints.length < 20) this.complaints.push(text)
  }
}
