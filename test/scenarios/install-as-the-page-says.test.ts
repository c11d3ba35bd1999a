import { type ChildProcess, spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { parse } from 'yaml'
import { assignPorts } from '../../src/cli/discovery/instances.ts'
import { type Child, processFile, startChild } from '../../src/demo/child.ts'
import { InstallationModules } from '../support/installation-modules.ts'
import { until } from '../support/patience.ts'
import { MAIN } from '../support/program.ts'

const PAGE = join(import.meta.dirname, '../../docs/install.md')
const DESCRIPTORS = join(import.meta.dirname, '../fixtures/installation')
/** As the page has them: of `--ports`, and where Okapi listens. */
const [FIRST_PORT, OKAPI_PORT] = [20_000, 9130]
const BLOCK = 230

/** A block of commands of the page, with what a reader is told to see. */
interface Step {
  readonly kind: string
  readonly commands: string
  readonly seen: readonly string[]
}

function stepsIn(page: string): Step[] {
  const steps: Step[] = []
  for (const [, info = '', text = ''] of page.matchAll(/^```(\w.*)\n([\s\S]*?)^```$/gm)) {
    const lines = text.trimEnd().split('\n')
    if (info !== 'seen') steps.push({ kind: info, commands: text, seen: [] })
    else steps.push({ ...steps.pop()!, seen: lines })
  }
  return steps
}

/** One shell for the whole page, as a reader has it. */
class Shell {
  readonly #child: ChildProcess
  #output = ''

  constructor(cwd: string, bin: string) {
    const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: cwd, NO_COLOR: '1', COLUMNS: '200' }
    // A process group of its own, for what it leaves in the background.
    this.#child = spawn('bash', ['-s'], { cwd, env, detached: true })
    const read = (part: Buffer) => {
      this.#output += part
    }
    this.#child.stdout!.on('data', read)
    this.#child.stderr!.on('data', read)
    this.#child.stdin!.write('exec 2>&1\n')
  }

  /** What the commands print, until the last of them has ended. */
  async type(commands: string): Promise<string> {
    const from = this.#output.length
    this.#child.stdin!.write(`${commands}\necho "::done"\n`)
    await until(() => this.#output.indexOf('::done', from) !== -1 || this.#child.exitCode !== null)
    return this.#output.slice(from).split('::done')[0] ?? ''
  }

  async end(): Promise<void> {
    const gone = new Promise((resolve) => {
      this.#child.once('close', resolve)
    })
    this.#child.stdin!.end('kill %1; wait\n')
    await gone
  }
}

/** Does the output have these lines in this order? `…` is whatever stands there. */
function lacks(output: string, wanted: readonly string[]): string | undefined {
  let from = 0
  const lines = output.split('\n')
  for (const line of wanted) {
    const parts = line.split('…').map((part) => part.trim())
    const at = lines.findIndex((text, i) => {
      if (i < from) return false
      let place = 0
      return parts.every((part) => {
        const found = text.indexOf(part, place)
        place = found + part.length
        return found !== -1
      })
    })
    if (at === -1) return line
    from = at + 1
  }
  return undefined
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** A first port of which all that follow are free. */
async function freeFirstPort(ids: readonly string[]): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const from = 12_000 + Math.floor(Math.random() * 18_000)
    const places = [...assignPorts(ids, { host: '127.0.0.1', from, to: from + 199 }).values()]
    const modules = places.flatMap((port) => [0, 1, 2, 3, 4, 5].map((i) => port + i * BLOCK))
    const okapi = [0, 1, 2, 3, 4].map((i) => from + 6 * BLOCK + i)
    const free = await Promise.all([...modules, ...okapi].map(isFree))
    if (free.every(Boolean)) return from
  }
  throw new Error('there are no free ports')
}

/** The modules and Okapi, which the page has started with Java. */
async function startEverything(folder: string, okapiPort: number, stops: (() => unknown)[]) {
  const modules = new InstallationModules()
  stops.push(() => modules.stop())
  const children: Child[] = []
  stops.push(() => Promise.all(children.map((child) => child.stop())))
  const start = async (name: string, settings: object) => {
    const child = startChild(name, processFile(name), [JSON.stringify(settings)])
    children.push(child)
    await child.line(({ msg }) => msg === 'ready')
  }
  await start('okapi-stand-in', { port: okapiPort, descriptors: '' })
  for (const name of readdirSync(join(folder, 'sidecars')).filter((one) => one.endsWith('.yaml'))) {
    const { module, ingress } = parse(readFileSync(join(folder, 'sidecars', name), 'utf8'))
    const product = String(module).replace(/-\d.*$/, '')
    const port = Number(new URL(ingress.forward).port)
    if (product === 'mod-authtoken') await start(product, { port, asksOkapi: true })
    else if (product !== 'okapi') await modules.start(product, port)
  }
}

test('docs/install.md, typed as it stands: from an empty folder to a user and a refused rogue', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'sidecar-install-'))
  const stops: (() => unknown)[] = [() => rmSync(place, { recursive: true, force: true })]
  t.teardown(async () => {
    for (const stop of stops.reverse()) await stop()
  })
  const bin = join(place, 'bin')
  mkdirSync(bin)
  const program = `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`
  writeFileSync(join(bin, 'okapi-sidecar'), program, { mode: 0o755 })
  const cwd = join(place, 'home')
  mkdirSync(cwd)
  const ids = readdirSync(DESCRIPTORS).map((name) => name.slice(0, -'.json'.length))
  const firstPort = await freeFirstPort(ids)
  const okapiPort = firstPort + 6 * BLOCK + 4
  // Where this machine has other ports than the page.
  const here = (text: string) =>
    text
      // First: ports of this machine may look like those of the page.
      .replace(/:(2[01]\d{3})\b/g, (_, port) => `:${Number(port) - FIRST_PORT + firstPort}`)
      .replace(/okapi-sidecar init .*/g, `$& --ports ${firstPort} --okapi-port ${okapiPort}`)
      .replace(
        /okapi-sidecar discovery/g,
        `$& --modules-listen 127.0.0.1:${firstPort}-${firstPort + 199}`,
      )
  const elsewhere: Record<string, () => unknown> = {
    'copies descriptors': () => cpSync(DESCRIPTORS, join(cwd, 'descriptors'), { recursive: true }),
    'starts Okapi and the modules': () => startEverything(join(cwd, 'folio'), okapiPort, stops),
  }
  const page = readFileSync(PAGE, 'utf8')
  const steps = stepsIn(page)
  t.true(steps.length > 12)
  t.true(page.includes(`-Dport=${OKAPI_PORT}`))
  const shell = new Shell(cwd, bin)
  stops.push(() => shell.end())
  for (const step of steps) await take(t, step, { shell, here, elsewhere, cwd })
})

interface Reader {
  readonly shell: Shell
  here(text: string): string
  readonly elsewhere: Record<string, () => unknown>
  readonly cwd: string
}

async function take(t: ExecutionContext, step: Step, { shell, here, elsewhere, cwd }: Reader) {
  const { kind, seen } = step
  const commands = here(step.commands)
  const [, deed] = /^sh elsewhere: (.*)$/.exec(kind) ?? []
  if (deed !== undefined) {
    t.truthy(elsewhere[deed], deed)
    await elsewhere[deed]?.()
    return
  }
  if (kind === 'sh background') {
    await shell.type(`${commands.trim()} &`)
    const files = readdirSync(join(cwd, 'folio/sidecars')).filter((name) => name.endsWith('.yaml'))
    const log = (name: string) => readFileSync(join(cwd, 'folio/sidecars', `${name}.log`), 'utf8')
    await until(() => {
      try {
        return files.every((name) => log(name).includes('"msg":"ready"'))
      } catch {
        return false
      }
    })
    return
  }
  // A sidecar takes up a file a moment after it has changed.
  const wanted = /^sh until (.*)$/.exec(kind)?.[1]
  t.true(kind === 'sh' || wanted !== undefined, kind)
  let output = await shell.type(commands)
  if (wanted !== undefined) {
    await until(async () => {
      if (output.includes(wanted)) return true
      output = await shell.type(commands)
      return false
    })
  }
  const missing = lacks(output, seen)
  t.is(missing, undefined, `${commands}\nprinted:\n${output}`)
  t.notRegex(output, /command not found|: error: /, commands)
}
