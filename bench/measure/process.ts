import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fault } from '../../src/fault.ts'

/** A process under measurement. */
export interface Measured {
  readonly name: string
  readonly pid: number
  /** From spawn until its port took a connection, in milliseconds. */
  readonly readyMs: number
  /** Ends it, politely first; resolves when it is gone. */
  stop(): Promise<void>
}

export interface Start {
  readonly name: string
  readonly command: readonly string[]
  /** The CPU that it has to keep to, or a list of them. */
  readonly cpu: number | string
  /** On 127.0.0.1: it is ready when this one accepts. */
  readonly port: number
  /** Where what it says on standard error goes; its standard output goes to `stdout`. */
  readonly errorFile: string
  readonly stdout?: string
}

const PATIENCE_MS = 20_000
const KILL_AFTER_MS = 8_000
const running = new Set<ChildProcess>()

// Whatever ends the benchmark, nothing stays behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a process on one CPU and waits until it accepts. Throws a Fault with what it said. */
export async function start(options: Start): Promise<Measured> {
  const { name, command, cpu, port, errorFile, stdout = '/dev/null' } = options
  const [out, err] = [openSync(stdout, 'a'), openSync(errorFile, 'a')]
  const began = performance.now()
  const child = spawn('taskset', ['-c', String(cpu), ...command], {
    stdio: ['ignore', out, err],
    env: ownEnvironment(),
  })
  closeSync(out)
  closeSync(err)
  running.add(child)
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      running.delete(child)
      resolve()
    })
  })
  while (!(await accepts(port))) {
    const late = performance.now() - began > PATIENCE_MS
    if (late || child.exitCode !== null) {
      child.kill('SIGKILL')
      throw fault(`${name} does not listen on ${port}: ${tail(errorFile)}`)
    }
    await pause(1)
  }
  const readyMs = performance.now() - began
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
    await gone
    clearTimeout(timer)
  }
  return { name, pid: child.pid!, readyMs, stop }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** The settings of the user who runs the benchmark are not measured. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const own = /^(?:SIDECAR_|MODULE_)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-5).join(' | ')
}
