import { AsyncLocalStorage } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { runCommand } from '../../src/cli/command.ts'

/** The exit code of a command line, and its output. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The surroundings of a command line: the whole environment, and all of standard input. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** What one command line sees instead of those of the whole process. */
interface Own {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable
  stdout: string
  stderr: string
}

const OWN = new AsyncLocalStorage<Own>()

/**
 * Types `okapi-sidecar …`, in the process of the test: what main.ts calls, without a start of Node. Command
 * lines that run at the same time do not mix. For what signals, the working directory or a closed pipe do
 * there is Process.
 */
export function typed(argv: readonly string[], surroundings?: Surroundings): Promise<Outcome> {
  return heard(() => runCommand(argv), surroundings)
}

/** What `work` says on standard output and standard error, and its exit code. */
export function heard(
  work: () => Promise<number>,
  { env = {}, input = '' }: Surroundings = {},
): Promise<Outcome> {
  const own: Own = {
    env: { NO_COLOR: '1', ...env },
    stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    stdout: '',
    stderr: '',
  }
  return OWN.run(own, async () => {
    const code = await work()
    return { code, stdout: own.stdout, stderr: own.stderr }
  })
}

for (const name of ['stdout', 'stderr'] as const) {
  const stream = process[name]
  const write = stream.write.bind(stream)
  stream.write = ((...all: Parameters<typeof write>) => {
    const own = OWN.getStore()
    if (own === undefined) return write(...all)
    const [part] = all
    own[name] += typeof part === 'string' ? part : Buffer.from(part).toString()
    return true
  }) as typeof write
}

for (const name of ['env', 'stdin'] as const) {
  const its = Object.getOwnPropertyDescriptor(process, name)!
  Object.defineProperty(process, name, {
    configurable: true,
    get: () => OWN.getStore()?.[name] ?? (its.get === undefined ? its.value : its.get()),
  })
}
