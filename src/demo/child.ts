import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { fault } from '../fault.ts'

type Process = ChildProcessByStdio<Writable, Readable, Readable>

/** A line of JSON from a child's standard output or error. */
export interface ChildLine {
  readonly msg?: unknown
  readonly port?: unknown
  readonly ask?: unknown
  readonly value?: unknown
  readonly listening?: unknown
  readonly direction?: unknown
  readonly caller?: unknown
  readonly method?: unknown
  readonly route?: unknown
  readonly status?: unknown
  readonly requestId?: unknown
}

/** One process of the demo. */
export interface Child {
  readonly name: string
  /**
   * The first `count` matching lines, including earlier ones. Rejects when the child ends without
   * them, or has not written them in time.
   */
  say(count: number, fits: (line: ChildLine) => boolean): Promise<readonly ChildLine[]>
  /** The first matching line. */
  line(fits: (line: ChildLine) => boolean): Promise<ChildLine>
  /** Asks a question and waits for its reply. */
  ask(question: string): Promise<unknown>
  /** Ends it, by SIGKILL if it does not stop by itself; resolves when it is gone. */
  stop(): Promise<void>
}

const KILL_AFTER_MS = 5000
/** On two busy cores it may take long to start ten processes. */
const PATIENCE_MS = 30_000
const OUTPUT_KEPT = 20

/** Starts `file` with the same Node. Its output is read as JSON lines; other lines are kept for faults. */
export function startChild(
  name: string,
  file: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Child {
  const child: Process = spawn(process.execPath, [...nodeOptions, file, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: childEnvironment(),
  })
  const lines: ChildLine[] = []
  const output: string[] = []
  const waiting = new Set<() => void>()
  const gone = Promise.withResolvers<void>()
  let exited: string | undefined
  const wake = () => {
    for (const check of waiting) check()
  }
  const read = (text: string) => {
    const line = parsed(text)
    if (line === undefined) output.push(text)
    else lines.push(line)
    if (output.length > OUTPUT_KEPT) output.shift()
    wake()
  }
  createInterface({ input: child.stdout }).on('line', read)
  createInterface({ input: child.stderr }).on('line', read)
  child.stdin.on('error', () => undefined)
  child.on('close', (code, signal) => {
    exited = `${name} ended with ${signal ?? code}: ${output.join('\n')}`
    wake()
    gone.resolve()
  })

  function say(
    count: number,
    fits: (line: ChildLine) => boolean,
    from = 0,
  ): Promise<readonly ChildLine[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly ChildLine[]>()
    const late = setTimeout(() => end(`${name} said nothing for ${PATIENCE_MS} ms`), PATIENCE_MS)
    const end = (why: string | undefined, found: readonly ChildLine[] = []) => {
      waiting.delete(check)
      clearTimeout(late)
      if (why === undefined) resolve(found)
      else reject(fault(why))
    }
    const check = () => {
      const found = lines.slice(from).filter(fits)
      if (found.length >= count) end(undefined, found.slice(0, count))
      else if (exited !== undefined) end(exited)
    }
    waiting.add(check)
    check()
    return promise
  }

  async function line(fits: (line: ChildLine) => boolean, from = 0): Promise<ChildLine> {
    return (await say(1, fits, from))[0]!
  }

  async function ask(question: string): Promise<unknown> {
    const from = lines.length
    child.stdin.write(`${JSON.stringify({ ask: question })}\n`)
    const reply = await line((said) => said.msg === 'reply' && said.ask === question, from)
    return reply.value
  }

  async function stop(): Promise<void> {
    child.stdin.end()
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
    await gone.promise
    clearTimeout(kill)
  }
  return { name, say, line, ask, stop }
}

/** The demo's sidecars must not use the user's own settings. */
function childEnvironment(): NodeJS.ProcessEnv {
  const own = /^(?:SIDECAR_|MODULE_|NODE_OPTIONS$|NODE_EXTRA_CA_CERTS$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

function parsed(text: string): ChildLine | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// In the bundle this code is in a folder beside `demo`, and everything is JavaScript.
const EXTENSION = extname(new URL(import.meta.url).pathname)

/** The program itself. */
export const MAIN = fileURLToPath(new URL(`../main${EXTENSION}`, import.meta.url))

/** The descriptors of all members of the demo. */
export const DESCRIPTORS = fileURLToPath(new URL('../demo/descriptors', import.meta.url))

/** The file of a process: `mod-users`, `okapi-stand-in`. */
export function processFile(name: string): string {
  return fileURLToPath(new URL(`../demo/${name}${EXTENSION}`, import.meta.url))
}

/** Below the range of ephemeral ports of Linux and macOS. */
const FIRST = 12_000
const LAST = 32_000
const MOST_TRIES = 1000

/**
 * Free ports of 127.0.0.1, for processes that must know each other's before they start. They are chosen at
 * random from ports that the system does not assign by itself, and no other call, in any process, returns
 * them before this process ends.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let i = 0; ports.length < count && i < MOST_TRIES; i++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (await claim(port)) ports.push(port)
  }
  if (ports.length < count) throw new Error('there is no free port on 127.0.0.1')
  return ports
}

/** The process that listens there may start seconds later, so the UDP port of this number is kept as a mark. */
async function claim(port: number): Promise<boolean> {
  const mark = createSocket('udp4')
  const isMine = await succeeds(once(mark.bind(port, '127.0.0.1'), 'listening'))
  const server = createServer()
  const isFree = isMine && (await succeeds(once(server.listen(port, '127.0.0.1'), 'listening')))
  if (!isFree) {
    mark.close()
    return false
  }
  mark.unref()
  await new Promise((resolve) => server.close(resolve))
  return true
}

function succeeds(event: Promise<unknown>): Promise<boolean> {
  return event.then(
    () => true,
    () => false,
  )
}
