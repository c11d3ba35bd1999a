import { type ChildProcess, spawn } from 'node:child_process'
import type { Direction } from '../../../src/observe/labels.ts'
import { patiently } from '../patience.ts'
import { MAIN } from '../program.ts'

/** What OpenSSL is told wherever the program is installed: bin/okapi-sidecar, the image, systemd. */
const OPENSSL_CONF = new URL('../../../openssl.cnf', import.meta.url).pathname

/** A line of the log. */
export interface Line {
  readonly msg?: string
  readonly level?: string
  readonly listening?: Readonly<Record<string, string>>
  readonly direction?: string
  readonly caller?: string
  readonly at?: string
  readonly method?: string
  readonly route?: string
  readonly status?: number
  readonly reason?: string
  readonly because?: string
  readonly rule?: string
  readonly wouldDeny?: string
  readonly interface?: string
  readonly provider?: string
  readonly tenant?: string
  readonly requestId?: string
  readonly audit?: string
  readonly userId?: string
  readonly upstream?: string
  readonly peer?: string
  readonly result?: string
  readonly generation?: number
  readonly connections?: number
  readonly drained?: boolean
  readonly changed?: unknown
  readonly problems?: readonly string[]
  readonly problem?: string
  readonly plainUntil?: string
  readonly [more: string]: unknown
}

/** `okapi-sidecar` as a person starts it. */
export class Process {
  /** Everything on standard output. */
  out = ''
  /** Everything on standard error. */
  err = ''
  /** Of standard output, those that are JSON. */
  readonly lines: Line[] = []
  /** What became of it: the code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly #child: ChildProcess
  #over = false
  #told = false
  #rest = ''
  #waiting = new Set<() => void>()

  /** @param under a command that starts it, as `prlimit --nofile=64` */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ) {
    const [command, ...rest] = [...under, process.execPath, MAIN, ...args]
    this.#child = spawn(command!, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), ...env },
    })
    this.#child.stdout?.on('data', (part) => this.#read(String(part)))
    this.#child.stderr?.on('data', (part) => {
      this.err += String(part)
    })
    // A test that is cut short leaves nothing running.
    const kill = () => this.signal('SIGKILL')
    process.once('exit', kill)
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#over = true
        process.off('exit', kill)
        if (!this.#told && this.ready) console.log(`it died of itself: ${code} ${this.err}`)
        this.#wake()
        resolve(code ?? signal ?? 'SIGKILL')
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN
  }

  get over(): boolean {
    return this.#over
  }

  /** Has it said that it is? */
  get ready(): boolean {
    return this.lines.some(({ msg }) => msg === 'ready')
  }

  /** The first `count` lines that fit, those of before included; its end without them is an Error. */
  async say(fits: (line: Line) => boolean, count = 1): Promise<Line[]> {
    for (;;) {
      const found = this.lines.filter(fits)
      if (found.length >= count) return found.slice(0, count)
      if (this.#over) throw new Error(`it ended: ${this.err}${this.out}`)
      const news = new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
      })
      await patiently(news, () => `${found.length} of ${count} lines ${fits}: ${this.#last()}`)
    }
  }

  /** The one line of the exchange with this request id. */
  async exchange(requestId: string): Promise<Line> {
    const [line] = await this.say(
      ({ msg, requestId: id }) => msg === 'exchange' && id === requestId,
    )
    return line!
  }

  signal(name: NodeJS.Signals): void {
    this.#told = true
    this.#child.kill(name)
  }

  /** Ends it politely; by force, and with an Error, when it does not end. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.signal('SIGTERM')
    try {
      return await patiently(this.ended, () => `it does not stop: ${this.#last()}`)
    } finally {
      this.signal('SIGKILL')
    }
  }

  #last(): string {
    return (this.err + this.out).slice(-4000)
  }

  #read(part: string): void {
    this.out += part
    const lines = (this.#rest + part).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('{')) this.lines.push(JSON.parse(line))
    this.#wake()
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

/** A sidecar that has said that it is ready. */
export class Sidecar extends Process {
  readonly id: string
  #listening: Readonly<Record<string, string>> = {}

  private constructor(
    id: string,
    file: string,
    env: Readonly<Record<string, string>>,
    under: readonly string[],
  ) {
    super(['run', '-c', file], env, under)
    this.id = id
  }

  /** Starts one, and waits for its `ready`. */
  static async start(
    id: string,
    file: string,
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ): Promise<Sidecar> {
    const sidecar = new Sidecar(id, file, env, under)
    const [ready] = await sidecar.say(({ msg }) => msg === 'ready')
    sidecar.#listening = ready?.listening ?? {}
    return sidecar
  }

  /** The bound port of one of its listeners. */
  port(listener: Direction | 'admin' | 'status'): number {
    const address = this.#listening[listener]
    if (address === undefined) throw new Error(`${this.id} has no ${listener}`)
    return Number(address.split(':').at(-1))
  }
}

/** The environment of the user who runs the tests is not passed on. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(?:SIDECAR_|MODULE_|NODE_)/
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
  return { ...env, OPENSSL_CONF }
}
