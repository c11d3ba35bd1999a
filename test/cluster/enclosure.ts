import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, PLACE, run, type Said } from '../pod/podman.ts'

const LOGS = join(PLACE, 'logs')

/** Says that it stands, and ends with its standard input: with the process that made it, however that ends. */
const HOLDER = 'echo here; cat >/dev/null; :'

/**
 * Namespaces of a cluster's own, for its network, its mounts and its processes: the machine sees nothing of them, and
 * the end of one process is the end of all that runs there. Not `ip netns`, which mounts /sys anew, without cgroups.
 */
export class Enclosure {
  readonly #holder: ChildProcess
  readonly #flags: readonly string[]

  private constructor(holder: ChildProcess, pid: string) {
    this.#holder = holder
    this.#flags = ['-t', pid, '--net', '--mount', '--pid', '--']
  }

  static async open(): Promise<Enclosure> {
    mkdirSync(LOGS, { recursive: true })
    const flags = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child']
    const args = [...flags, '--propagation', 'slave', 'sh', '-c', HOLDER]
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    // `unshare` waits for it; from outside it has another number than 1.
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')
    const enclosure = new Enclosure(holder, children.trim())
    await enclosure.must('ip', 'link', 'set', 'lo', 'up')
    await enclosure.must('mount', '--make-rshared', '/')
    // What programs of a cluster write at fixed places.
    for (const place of ['/run', '/var/log']) {
      await enclosure.must('mount', '-t', 'tmpfs', 'tmpfs', place)
    }
    // What is mounted over it for one node is not for the others.
    await enclosure.must('mount', '--make-private', '/var/log')
    const [upper, work] = [join(PLACE, 'var-lib'), join(PLACE, 'var-lib-work')]
    for (const folder of [upper, work]) mkdirSync(folder)
    const layers = `lowerdir=/var/lib,upperdir=${upper},workdir=${work}`
    await enclosure.must('mount', '-t', 'overlay', 'overlay', '-o', layers, '/var/lib')
    return enclosure
  }

  /** Runs a program in there to its end. It starts in `/`. */
  run(
    file: string,
    args: readonly string[],
    more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<Said> {
    return run('nsenter', [...this.#flags, file, ...args], more)
  }

  /** Starts a program that goes on for a while; resolves when it has said something, to all that it will have said. */
  async follow(
    file: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{ readonly all: Promise<string> }> {
    const child = spawn('nsenter', [...this.#flags, file, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const all = once(child, 'close').then(() => said)
    await Promise.race([once(child.stdout, 'data'), all])
    return { all }
  }

  /** Runs it and wants it to end well. */
  must(file: string, ...args: string[]): Promise<string> {
    return must('nsenter', ...this.#flags, file, ...args)
  }

  /** Starts what runs until the end; its words are in the log of its name. */
  start(name: string, file: string, ...args: string[]): void {
    const log = openSync(join(LOGS, `${name}.log`), 'a')
    const child = spawn('nsenter', [...this.#flags, file, ...args], {
      stdio: ['ignore', log, log],
    })
    child.on('exit', (code) => {
      if (this.#holder.exitCode === null && code !== null && code !== 0) {
        console.log(`${name} ended with ${code}: ${this.log(name)}`)
      }
    })
  }

  /** The last lines of a log. */
  log(name: string): string {
    return readFileSync(join(LOGS, `${name}.log`), 'utf8')
      .split('\n')
      .slice(-20)
      .join('\n')
  }

  /** Ends everything that runs there. */
  async close(): Promise<void> {
    const ended = once(this.#holder, 'exit')
    this.#holder.stdin?.end()
    await ended
  }
}
