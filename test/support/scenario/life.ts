import { patiently } from '../patience.ts'
import type { Line } from './line.ts'

/** The outputs of a running program. */
export interface Ear {
  out(part: string): void
  err(part: string): void
}

/** A running program, and how it is ended. */
export interface Running {
  /** NaN where it has none of its own. */
  readonly pid: number
  /** Its exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  signal(name: NodeJS.Signals): void
  /** By force. */
  kill(): void
}

/** `okapi-sidecar` while it runs: what it says, and how it ends. */
export class Life {
  /** Everything on standard output. */
  out = ''
  /** Everything on standard error. */
  err = ''
  /** Of standard output, those that are JSON. */
  readonly lines: Line[] = []
  /** Its exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly #running: Running
  #over = false
  #told = false
  #rest = ''
  #waiting = new Set<() => void>()

  constructor(begin: (ear: Ear) => Running) {
    this.#running = begin({
      out: (part) => this.#read(part),
      err: (part) => {
        this.err += part
      },
    })
    this.ended = this.#running.ended.then((how) => {
      this.#over = true
      if (!this.#told && this.ready) console.log(`it died of itself: ${how} ${this.err}`)
      this.#wake()
      return how
    })
  }

  get pid(): number {
    return this.#running.pid
  }

  get over(): boolean {
    return this.#over
  }

  /** Has it logged `ready`? */
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
    this.#running.signal(name)
  }

  /** Ends it politely; by force, and with an Error, when it does not end. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.signal('SIGTERM')
    try {
      return await patiently(this.ended, () => `it does not stop: ${this.#last()}`)
    } finally {
      this.#running.kill()
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
