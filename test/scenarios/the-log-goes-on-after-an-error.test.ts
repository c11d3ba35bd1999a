import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { until } from '../support/patience.ts'
import { get, ID, type Line, Place, Process, Talk } from '../support/scenario.ts'

// Standard output is a file on a disk that is full for a while, or a pipe whose reader goes and comes
// back. Exchanges go on, what is lost is counted, and the log goes on with a line that says how much.

/** More than the 1 MiB that is kept while nothing can be written. */
const MANY = 5000

class Setting {
  readonly #port: { readonly egress: number; readonly admin: number; readonly status: number }
  readonly process: Process
  asked = 0

  private constructor(process: Process, ports: number[]) {
    const [egress, admin, status] = ports as [number, number, number]
    this.#port = { egress, admin, status }
    this.process = process
  }

  /** @param shell what is run before it, its words as `"$@"` */
  static async start(t: ExecutionContext, shell: (directory: string) => readonly string[]) {
    const place = await Place.make()
    const ports = await freePorts(3)
    const [egress, admin, status] = ports
    const file = await place.file(
      'sidecar.json',
      await place.configuration(ID.users, {
        egress: { listen: `127.0.0.1:${egress}`, gateway: 'https://127.0.0.1:1' },
        admin: { listen: `127.0.0.1:${admin}` },
        status: { listen: `127.0.0.1:${status}` },
      }),
    )
    const setting = new Setting(new Process(['run', '-c', file], {}, shell(place.directory)), ports)
    t.teardown(async () => {
      setting.process.signal('SIGKILL')
      await setting.process.ended
      await place.close()
    })
    return { setting, directory: place.directory }
  }

  /** Calls that are refused, each with one line of the log. */
  async ask(calls: number): Promise<void> {
    const talk = new Talk(this.#port.egress)
    for (let i = 0; i < calls; i += 100) {
      talk.send(get('/not/declared/by/anybody', 'X-Okapi-Tenant: diku').repeat(100))
      for (let n = 0; n < 100; n++) await talk.next()
    }
    talk.close()
    this.asked += calls
  }

  /** Is it there? Its log may not say so. */
  answers(): Promise<boolean> {
    return this.get('admin', '/live').then(
      ({ ok }) => ok,
      () => false,
    )
  }

  async get(port: 'admin' | 'status', path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port[port]}${path}`)
  }

  async lost(): Promise<number> {
    const page = await (await this.get('admin', '/metrics')).text()
    return Number(/^sidecar_log_lost_total (\d+)$/m.exec(page)?.[1])
  }

  async remark(): Promise<string | undefined> {
    const response = await this.get('admin', '/ready')
    if (response.status !== 200) throw new Error(`/ready says ${response.status}`)
    return ((await response.json()) as { remarks?: Record<string, string> }).remarks?.['log']
  }

  /** What is told while nothing can be written, and again when it can be. */
  async tells(t: ExecutionContext, trouble: RegExp, mend: () => unknown): Promise<void> {
    await this.ask(MANY)
    await until(async () => (await this.lost()) > 0)
    t.regex((await this.remark()) ?? '', trouble)
    const status = await (await this.get('status', '/status.json')).json()
    const { log } = status as { log: { lost: number; trouble: string } }
    t.true(log.lost > 0)
    t.regex(log.trouble, trouble)
    await mend()
    await until(async () => (await this.remark()) === undefined)
    t.regex(await (await this.get('status', '/')).text(), /\d+ lines lost since the start/)
    await this.ask(100)
  }

  /** Every exchange has its line, or is in the number that a line says in its place. */
  adds(t: ExecutionContext, lines: readonly Line[]): void {
    const gaps = lines.filter(({ msg }) => msg === 'log lines lost')
    t.true(gaps.length > 0)
    const told = gaps.reduce((sum, { lost }) => sum + Number(lost), 0)
    const exchanges = lines.filter(({ msg }) => msg === 'exchange').length
    t.is(exchanges + told, this.asked)
    t.is(lines.at(-1)?.msg, 'stopped')
  }
}

/** Every line is whole. */
function parsed(text: string): Line[] {
  if (!text.endsWith('\n')) throw new Error(`the last line is cut: ${text.slice(-200)}`)
  const lines = text.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Line)
}

const says = (text: string, msg: string) => text.includes(`"msg":"${msg}"`)
const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0
const withMounts = mayMount ? test.serial : test.serial.skip

withMounts('a disk that is full for a while', async (t) => {
  const command = 'mkdir "$0" && mount -t tmpfs -o size=8m none "$0" && exec "$@" >"$0/log"'
  const { setting, directory } = await Setting.start(t, (folder) => [
    ...['unshare', '-rm', 'sh', '-c', command, join(folder, 'disk')],
  ])
  // The mount is seen by the process alone, and by those who look with its eyes.
  const disk = () => `/proc/${setting.process.pid}/root${directory}/disk`
  const log = () => readFileSync(`${disk()}/log`, 'utf8')
  await until(() => setting.process.over || (existsSync(`${disk()}/log`) && says(log(), 'ready')))
  const filler = openSync(`${disk()}/filler`, 'w')
  t.throws(
    () => {
      for (;;) writeSync(filler, Buffer.alloc(65_536))
    },
    { code: 'ENOSPC' },
  )
  closeSync(filler)
  await setting.tells(t, /ENOSPC: no space left on device/, () => rmSync(`${disk()}/filler`))
  await until(() => says(log(), 'log lines lost'))
  // The file is gone with the process, so it is opened before.
  const held = openSync(`${disk()}/log`, 'r')
  t.is(await setting.process.stop(), 0)
  setting.adds(t, parsed(readFileSync(held, 'utf8')))
  closeSync(held)
})

/** Reads a FIFO until it is stopped. */
class Reader {
  text = ''
  readonly #child: ChildProcess

  constructor(fifo: string) {
    this.#child = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout?.on('data', (bytes: Buffer) => {
      this.text += bytes.toString()
    })
  }

  stop(): Promise<unknown> {
    const closed = once(this.#child, 'close')
    this.#child.kill()
    return closed
  }

  /** Its end comes with that of the writer. */
  async end(): Promise<string> {
    await once(this.#child, 'close')
    return this.text
  }
}

test.serial('a pipe whose reader goes and comes back', async (t) => {
  let fifo = ''
  const { setting } = await Setting.start(t, (folder) => {
    fifo = join(folder, 'fifo')
    spawnSync('mkfifo', [fifo])
    return ['sh', '-c', 'exec "$@" >"$0"', fifo]
  })
  const first = new Reader(fifo)
  await until(() => setting.process.over || says(first.text, 'ready'))
  await first.stop()
  let second: Reader | undefined
  await setting.tells(t, /EPIPE: broken pipe/, () => {
    second = new Reader(fifo)
  })
  const rest = second!.end()
  t.is(await setting.process.stop(), 0)
  setting.adds(t, parsed(await rest))
})

test.serial('a disk that is always full', async (t) => {
  const { setting } = await Setting.start(t, () => ['sh', '-c', 'exec "$@" >/dev/full 2>&1', 'x'])
  await until(async () => setting.process.over || (await setting.answers()))
  await setting.ask(MANY)
  await until(async () => (await setting.lost()) > 0)
  t.is(await setting.process.stop(), 0)
})
