import { exitCodeOf } from '../../../src/cli/command.ts'
import { serve } from '../../../src/cli/run.ts'
import type { Direction } from '../../../src/observe/labels.ts'
import { heard } from '../typed.ts'
import { type Ear, Life, type Running } from './life.ts'
import { child, type Environment } from './process.ts'

/** A sidecar that has said that it is ready. */
export class Sidecar extends Life {
  readonly id: string
  #listening: Readonly<Record<string, string>> = {}

  private constructor(id: string, begin: (ear: Ear) => Running) {
    super(begin)
    this.id = id
  }

  /**
   * Starts one in the process of the test, and waits for its `ready`. It is the program as `run` serves
   * it; only the process is missing: a start costs a tenth, and no signal can kill or stop it.
   */
  static start(id: string, file: string): Promise<Sidecar> {
    return Sidecar.#ready(new Sidecar(id, inside(file)))
  }

  /** The same as a process of its own. `under` as in Process. */
  static process(
    id: string,
    file: string,
    env: Environment = {},
    under: readonly string[] = [],
  ): Promise<Sidecar> {
    return Sidecar.#ready(new Sidecar(id, child(['run', '-c', file], env, under)))
  }

  static async #ready(sidecar: Sidecar): Promise<Sidecar> {
    const [ready] = await sidecar.say(({ msg }) => msg === 'ready')
    sidecar.#listening = ready?.listening ?? {}
    return sidecar
  }

  /** The bound port of one of its listeners. */
  port(listener: Direction | 'admin' | 'status'): number {
    return Number(this.address(listener).split(':').at(-1))
  }

  /** Where one of its listeners is bound: `host:port`, or the path of a Unix socket. */
  address(listener: Direction | 'admin' | 'status'): string {
    const address = this.#listening[listener]
    if (address === undefined) throw new Error(`${this.id} has no ${listener}`)
    return address
  }
}

/** Starts the program in the process of the test. */
export function inside(file: string): (ear: Ear) => Running {
  return (ear) => begin(file, ear)
}

function begin(file: string, ear: Ear): Running {
  const stop = Promise.withResolvers<NodeJS.Signals>()
  const leave = Promise.withResolvers<NodeJS.Signals>()
  const orders = { stop: stop.promise, leave: leave.promise }
  const utf8 = new TextDecoder()
  const destination = {
    write: (lines: string | Uint8Array) =>
      ear.out(typeof lines === 'string' ? lines : utf8.decode(lines)),
    flush: () => Promise.resolve(),
  }
  const run = () => exitCodeOf(() => serve({ file, env: {}, destination }, () => orders))
  const ended = heard(run).then(({ code, stderr }) => {
    ear.err(stderr)
    return code
  })
  return {
    pid: Number.NaN,
    ended,
    signal: (name) => {
      if (name === 'SIGTERM') stop.resolve(name)
      else if (name === 'SIGUSR2') leave.resolve(name)
      else throw new Error(`${name} needs a process: Sidecar.process`)
    },
    // A forced end is tested by scenarios with processes.
    kill: () => {},
  }
}
