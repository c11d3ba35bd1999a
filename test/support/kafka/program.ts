import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { patiently } from '../patience.ts'
import type { Said } from '../scenario/tools.ts'
import { classPath, type KafkaProfile } from './class-path.ts'

// Kafka's own programs, each in a JVM of its own.

/** A whole run of a JVM, with all that it sends: on a busy machine several times what it takes on another. */
const RUN_MS = 240_000
const LOG = join(import.meta.dirname, 'log4j2.properties')
/** How a program is started. */
export interface KafkaStart {
  readonly profile?: KafkaProfile
  /** A command that starts it, as `taskset -c 0`. */
  readonly under?: readonly string[]
  /** Options of the JVM; without them those for a short life. */
  readonly jvm?: readonly string[]
}

/** Small, and quick to start rather than quick in the long run. */
const JVM = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

/** The tools of Kafka that tests start. */
export type KafkaTool =
  | 'AclCommand'
  | 'ConsumerPerformance'
  | 'ProducerPerformance'
  | 'TopicCommand'
  | 'TransactionalMessageCopier'
  | 'VerifiableConsumer'
  | 'VerifiableProducer'
  | 'consumer.ConsoleConsumer'
  | 'consumer.group.ConsumerGroupCommand'
  | 'ConsoleProducer'
  | 'ConfigCommand'

/** A class of Kafka in a JVM of its own; what it prints is kept. */
export class KafkaProgram {
  out = ''
  err = ''
  /** The exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly #child: ChildProcess
  readonly #name: string
  readonly #waiting = new Set<() => void>()
  #over = false

  constructor(
    mainClass: string,
    args: readonly string[],
    { profile = 'broker', under = [], jvm = JVM }: KafkaStart = {},
  ) {
    const log = `-Dlog4j2.configurationFile=${LOG}`
    const options = [...jvm, log, '-cp', classPath(profile) ?? '']
    this.#name = mainClass
    const [command, ...words] = [...under, 'java', ...options, mainClass, ...args]
    this.#child = spawn(command!, words, { stdio: 'pipe' })
    this.#child.stdin?.on('error', () => {})
    this.#child.stdout?.on('data', (part) => {
      this.out += String(part)
      this.#wake()
    })
    this.#child.stderr?.on('data', (part) => {
      this.err += String(part)
    })
    // A test that is cut short leaves nothing running.
    const kill = () => this.#child.kill('SIGKILL')
    process.once('exit', kill)
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#over = true
        process.off('exit', kill)
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

  /** What it gets on standard input; without `more` the input ends. */
  type(words: string, more = false): void {
    if (more) this.#child.stdin?.write(words)
    else this.#child.stdin?.end(words)
  }

  /** Waits until it has printed what fits; its end without it is an Error. */
  async prints(fits: (out: string) => boolean): Promise<void> {
    while (!fits(this.out)) {
      if (this.#over) throw new Error(`${this.#name} ended: ${this.#last()}`)
      const news = new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
      })
      await patiently(news, () => `${this.#name}, ${fits}: ${this.#last()}`)
    }
  }

  /** Waits for its own end. */
  async end(): Promise<Said> {
    const late = () => `${this.#name} does not end: ${this.#last()}`
    const ended = await patiently(this.ended, late, RUN_MS)
    return { code: typeof ended === 'number' ? ended : null, out: this.out, err: this.err }
  }

  /** Ends it politely, or as the signal says. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#over) return
    this.#child.kill(signal)
    await patiently(this.ended, () => `${this.#name} does not stop: ${this.#last()}`).finally(() =>
      this.#child.kill('SIGKILL'),
    )
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  #last(): string {
    return (this.out + this.err).slice(-4000)
  }
}

/** Runs a tool of Kafka to its end; `input` is all of its standard input. */
export function runKafka(
  tool: KafkaTool,
  args: readonly string[],
  { input = '', ...how }: KafkaStart & { readonly input?: string } = {},
): Promise<Said> {
  const program = new KafkaProgram(classOf(tool), args, how)
  program.type(input)
  return program.end()
}

/** A tool of Kafka that runs until it is stopped. */
export function startKafka(
  tool: KafkaTool,
  args: readonly string[],
  profile: KafkaProfile = 'broker',
): KafkaProgram {
  return new KafkaProgram(classOf(tool), args, { profile })
}

function classOf(tool: KafkaTool): string {
  return tool === 'ConfigCommand' ? 'kafka.admin.ConfigCommand' : `org.apache.kafka.tools.${tool}`
}
