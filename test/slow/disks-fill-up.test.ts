import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { whyNoEtc } from '../support/faults/etc.ts'
import { until } from '../support/patience.ts'
import { MAIN } from '../support/program.ts'
import { ID, Place, unless } from '../support/scenario.ts'

// A disk is full while a verb writes to it: the verb says so and ends with 2, what was there is as it was,
// nothing half is left, and when there is room again the same command does its work. (The log of a sidecar
// on a full disk: the-log-goes-on-after-an-error.)

/** A file system of its own in memory, which only some processes see. */
class Disk {
  /** Where those see it, and where this one does. */
  readonly at: string
  readonly path: string
  /** The command under which a process sees it. */
  readonly under: readonly string[]

  private constructor(at: string, pid: number) {
    this.at = at
    this.path = `/proc/${pid}/root${at}`
    this.under = ['nsenter', ...INSIDE, '-t', String(pid), '-m', '--']
  }

  static async make(t: ExecutionContext, folder: string): Promise<Disk> {
    mkdirSync(folder)
    const script = `mount -t tmpfs -o size=512k none ${folder} && echo up && exec cat >/dev/null`
    const args = [...APART, 'sh', '-c', script]
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => holder.stdin.end())
    const [said] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])
    if (!String(said).startsWith('up')) throw new Error(`no disk: ${said}`)
    return new Disk(folder, holder.pid!)
  }

  /** Not a byte more fits. */
  fill(): void {
    const filler = openSync(join(this.path, 'filler'), 'a')
    for (const size of [65_536, 4096, 512, 1]) {
      try {
        for (;;) writeSync(filler, Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
    closeSync(filler)
  }

  /** There is room again. */
  empty(): void {
    rmSync(join(this.path, 'filler'))
  }

  /** Names, lengths and bytes of everything but what fills it. */
  get content(): readonly string[] {
    return readdirSync(this.path, { recursive: true, encoding: 'utf8' })
      .filter((name) => name !== 'filler')
      .sort()
      .map((name) => {
        const file = join(this.path, name)
        return statSync(file).isFile() ? `${name} ${readFileSync(file, 'base64')}` : name
      })
  }

  /** Runs a verb that works there. */
  async run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    const inside = ['sh', '-c', 'cd "$0" && exec "$@"', this.at, process.execPath, MAIN, ...args]
    const [command, ...rest] = [...this.under, ...inside]
    return ended(command!, rest)
  }
}

const isRoot = process.getuid?.() === 0
const APART = isRoot ? ['-m'] : ['-rm']
const INSIDE = isRoot ? [] : ['-U', '--preserve-credentials']

async function ended(command: string, args: readonly string[], stdout: 'pipe' | number = 'pipe') {
  const child = spawn(command, args, { stdio: ['ignore', stdout, 'pipe'] })
  let out = ''
  let err = ''
  child.stdout?.on('data', (text) => {
    out += text
  })
  child.stderr!.on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code: code as number, out, err }
}

const scenario = unless(whyNoEtc())

let place: Place
test.before(async () => {
  place = await Place.make()
})
test.after.always(() => place?.close())

const disk = (t: ExecutionContext) => Disk.make(t, join(place.directory, crypto.randomUUID()))

scenario('certificates: the old ones stay whole, and the next try is not locked out', async (t) => {
  const there = await disk(t)
  t.is((await there.run('certs', 'init', '--dir', 'c', '--trust-domain', 'folio.test')).code, 0)
  t.is((await there.run('certs', 'issue', ID.users, '--dir', 'c', '--ip', '127.0.0.1')).code, 0)
  there.fill()
  const before = there.content
  for (const [verb, name] of [
    ['renew', ID.users],
    ['issue', ID.notes],
    ['revoke', ID.users],
  ] as const) {
    const { code, err } = await there.run('certs', verb, name, '--dir', 'c')
    t.is(code, 2, err)
    t.regex(err, /^okapi-sidecar: error: cannot write c\/.*ENOSPC/)
    t.deepEqual(there.content, before, verb)
  }
  there.empty()
  t.is((await there.run('certs', 'renew', ID.users, '--dir', 'c')).code, 0)
  t.notDeepEqual(there.content, before)
})

scenario('what is made of descriptors: the old file stays, and nothing beside it', async (t) => {
  const there = await disk(t)
  const folder = join(there.path, 'd')
  mkdirSync(folder, { mode: 0o755 })
  const [name] = readdirSync(place.descriptors).filter((each) => each.startsWith(ID.users))
  copyFileSync(join(place.descriptors, name!), join(folder, name!))
  writeFileSync(join(there.path, 'installed.json'), 'the old one', { mode: 0o644 })
  there.fill()
  const before = there.content
  const pack = ['policy', 'pack', 'd', '-o', 'installed.json']
  const { code, err } = await there.run(...pack)
  t.is(code, 2, err)
  t.regex(err, /cannot write installed\.json: ENOSPC/)
  t.deepEqual(there.content, before)
  there.empty()
  t.is((await there.run(...pack)).code, 0)
  t.notRegex(readFileSync(join(there.path, 'installed.json'), 'utf8'), /the old one/)
})

const full = existsSync('/dev/full') ? undefined : '/dev/full is not here'

unless(full)('standard output: an answer that is not whole is no answer', async (t) => {
  for (const args of [['help'], ['--version'], ['probe', '--list', '--json']]) {
    const sink = openSync('/dev/full', 'w')
    const { code, err } = await ended(process.execPath, [MAIN, ...args], sink)
    closeSync(sink)
    t.is(code, 2, args.join(' '))
    t.is(err, 'okapi-sidecar: error: standard output cannot be written: ENOSPC\n')
  }
})

// What renews certificates may be cut short on a full disk: half a pair is there for the sidecar that runs.
scenario('a running sidecar keeps its last good credentials until there is room', async (t) => {
  const there = await disk(t)
  const own = await place.certificate(ID.users)
  const folder = join(there.path, 'secret')
  mkdirSync(folder, { mode: 0o700 })
  const copy = (name: string) => copyFileSync(join(own, name), join(folder, name))
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) copy(name)
  const sections = {
    credentials: { directory: join(there.at, 'secret') },
    ingress: { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' },
  }
  const sidecar = await place.process(ID.users, sections, {}, there.under)
  t.teardown(() => sidecar.stop())
  await place.certificate(ID.users)
  there.fill()
  rmSync(join(folder, 'tls.crt'))
  // What it gave free is taken as well.
  there.fill()
  t.throws(() => copy('tls.crt'), { code: 'ENOSPC' })
  const [failed] = await sidecar.say(({ msg }) => msg === 'new credentials refused')
  t.is(failed?.generation, 1)
  const ready = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/ready`)
  t.is(ready.status, 200)
  t.regex(await ready.text(), /the last good generation stays in use/)
  there.empty()
  copy('tls.key')
  copy('tls.crt')
  await sidecar.say(({ msg, generation }) => msg === 'credentials loaded' && generation === 2)
  await until(async () => {
    const again = await fetch(`http://127.0.0.1:${sidecar.port('admin')}/ready`)
    return !/last good generation/.test(await again.text())
  })
})
