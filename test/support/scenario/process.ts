import { spawn } from 'node:child_process'
import { MAIN } from '../program.ts'
import { type Ear, Life, type Running } from './life.ts'

export type { Line } from './line.ts'

export type Environment = Readonly<Record<string, string>>

/** OpenSSL's settings as in every installation: bin/okapi-sidecar, the image, systemd. */
const OPENSSL_CONF = new URL('../../../openssl.cnf', import.meta.url).pathname

/** `okapi-sidecar` as a person starts it. */
export class Process extends Life {
  /** @param under a command that starts it, as `prlimit --nofile=64` */
  constructor(args: readonly string[], env: Environment = {}, under: readonly string[] = []) {
    super(child(args, env, under))
  }
}

/** Starts the program as a process of its own. */
export function child(
  args: readonly string[],
  env: Environment,
  under: readonly string[],
): (ear: Ear) => Running {
  return (ear) => begin([...under, process.execPath, MAIN, ...args], env, ear)
}

function begin([command, ...rest]: readonly string[], env: Environment, ear: Ear): Running {
  const started = spawn(command!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment(), ...env },
  })
  started.stdout.on('data', (part) => ear.out(String(part)))
  started.stderr.on('data', (part) => ear.err(String(part)))
  const kill = () => void started.kill('SIGKILL')
  // A test that is cut short leaves nothing running.
  process.once('exit', kill)
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    started.on('close', (code, signal) => {
      process.off('exit', kill)
      resolve(code ?? signal ?? 'SIGKILL')
    })
  })
  return {
    pid: started.pid ?? Number.NaN,
    ended,
    signal: (name) => void started.kill(name),
    kill,
  }
}

/** The environment of the user who runs the tests is not passed on. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(?:SIDECAR_|MODULE_|NODE_)/
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
  return { ...env, OPENSSL_CONF }
}
