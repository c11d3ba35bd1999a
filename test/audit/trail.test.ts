import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { entryText, NO_HASH, type ReadEntry, readEntry } from '../../src/audit/entry.ts'
import { FileSink } from '../../src/audit/file-sink.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { AuditTrail, type TrailEvents } from '../../src/audit/trail.ts'
import { Verification } from '../../src/audit/verification.ts'
import { Fault } from '../../src/fault.ts'
import { BEGINNING } from '../support/audit.ts'
import { until } from '../support/patience.ts'

const WHO = { module: 'mod-x-1.0.0', host: 'pod-1' }

/** Hears what a trail tells. */
class Events implements TrailEvents {
  readonly told: string[] = []
  troubled(why: string): void {
    this.told.push(`troubled: ${why}`)
  }
  recovered({ lost, refused }: { lost: number; refused: number }): void {
    this.told.push(`recovered: ${lost} lost, ${refused} refused`)
  }
  rotated(): void {
    this.told.push('rotated')
  }
}

/** A disk that does as the test says. */
class Disk implements AuditSink {
  text = ''
  failure: string | undefined
  /** Takes no more at once. */
  most = Number.POSITIVE_INFINITY
  /** Holds writes until it is called. */
  release: (() => void) | undefined
  hangs = false
  moved = false

  async write(bytes: Buffer): Promise<number> {
    if (this.hangs) {
      await new Promise<void>((resolve) => {
        this.release = resolve
      })
    }
    if (this.failure !== undefined) throw new Error(this.failure)
    const took = Math.min(this.most, bytes.length)
    this.text += bytes.subarray(0, took).toString('latin1')
    return took
  }

  follow(): Promise<boolean> {
    const { moved } = this
    this.moved = false
    return Promise.resolve(moved)
  }

  async close(): Promise<void> {}
}

function trailOn(t: ExecutionContext, sink: AuditSink, now?: () => number) {
  const events = new Events()
  const from = { position: BEGINNING, needsLineFeed: false }
  const trail = new AuditTrail(sink, from, WHO, events, now)
  t.teardown(() => trail.close('stop', entryText({ kind: 'stop' })))
  const add = (tenant: string) => trail.add('exchange', entryText({ kind: 'exchange', tenant }))
  const announced: [number, boolean][] = []
  const announce = () =>
    trail.announce('exchange', entryText({ kind: 'exchange' }), (...how) => announced.push(how))
  return { trail, events, add, announce, announced }
}

function sound(text: string): boolean {
  const verification = new Verification({ amongOthers: false, heads: [] })
  const lines = text.split('\n')
  const rest = lines.pop()
  lines.forEach((line, i) => void verification.line(Buffer.from(line), { line: i + 1 }))
  if (rest !== '') verification.line(Buffer.from(rest ?? ''), {}, false)
  verification.end()
  return verification.isSound
}

const entriesIn = (text: string): ReadEntry[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => readEntry(line)!)
const kindsIn = (text: string) => entriesIn(text).map(({ kind }) => kind)

test('entries are written in their order, and those of one turn in one write', async (t) => {
  const disk = new Disk()
  const { trail, add, announce, announced } = trailOn(t, disk)
  let writes = 0
  const write = disk.write.bind(disk)
  disk.write = (bytes) => {
    writes++
    return write(bytes)
  }
  for (let i = 0; i < 50; i++) add(`t${i}`)
  announce()
  t.deepEqual(announced, [])
  await until(() => announced.length === 1)
  t.deepEqual(announced, [[51, true]])
  t.is(writes, 1)
  t.true(sound(disk.text))
  t.deepEqual(
    entriesIn(disk.text).map(({ seq }) => seq),
    Array.from({ length: 51 }, (_, i) => i + 1),
  )
  t.is(trail.facts.head.seq, 51)
  t.is(trail.facts.entries.exchange, 51)
  t.like(entriesIn(disk.text)[0]!.fields, { ...WHO, tenant: 't0' })
})

test('a disk that takes little at a time', async (t) => {
  const disk = new Disk()
  disk.most = 7
  const { add, announce, announced } = trailOn(t, disk)
  add('one')
  announce()
  await until(() => announced.length === 1)
  t.true(sound(disk.text))
})

test('a disk that takes nothing: an announced call may not happen, and the gap is stated', async (t) => {
  const disk = new Disk()
  const { trail, events, add, announce, announced } = trailOn(t, disk)
  disk.failure = 'ENOSPC: no space left on device, write'
  announce()
  await until(() => announced.length === 1)
  t.deepEqual(announced, [[1, false]])
  announce()
  t.deepEqual(announced.at(-1), [0, false])
  add('kept')
  t.regex(trail.facts.trouble ?? '', /ENOSPC/)
  t.is(trail.facts.head.seq, 0)
  disk.failure = undefined
  await until(() => trail.facts.trouble === undefined && trail.facts.head.seq === 3)
  t.deepEqual(kindsIn(disk.text), ['exchange', 'exchange', 'gap'])
  t.like(entriesIn(disk.text)[2]!.fields, {
    lost: 0,
    refused: 2,
    why: 'ENOSPC: no space left on device, write',
  })
  t.deepEqual(events.told, [
    'troubled: ENOSPC: no space left on device, write',
    'recovered: 0 lost, 2 refused',
  ])
  announce()
  await until(() => announced.length === 3)
  t.deepEqual(announced.at(-1), [4, true])
  t.true(sound(disk.text))
})

test('a line that was begun is ended when the disk takes it again', async (t) => {
  const disk = new Disk()
  disk.most = 100
  const { trail, add } = trailOn(t, disk)
  const write = disk.write.bind(disk)
  let writes = 0
  disk.write = (bytes) => {
    disk.failure = ++writes === 2 || writes === 3 ? 'EIO: i/o error, write' : undefined
    return write(bytes)
  }
  add('one')
  await until(() => trail.facts.head.seq === 1)
  t.true(sound(disk.text))
  t.deepEqual(kindsIn(disk.text), ['exchange'])
})

test('memory is bounded: what finds no room is lost, counted and stated', async (t) => {
  const disk = new Disk()
  disk.failure = 'EIO: i/o error, write'
  const { trail, add, announce, announced } = trailOn(t, disk)
  for (let i = 0; i < 20_000; i++) add('x'.repeat(500))
  await until(() => trail.facts.trouble !== undefined)
  const { lost } = trail.facts
  t.true(lost > 10_000 && lost < 20_000, `${lost}`)
  announce()
  t.deepEqual(announced, [[0, false]])
  disk.failure = undefined
  await until(() => trail.facts.trouble === undefined)
  await until(() => sound(disk.text) && kindsIn(disk.text).at(-1) === 'gap')
  t.like(entriesIn(disk.text).at(-1)!.fields, { lost, refused: 1 })
  t.is(kindsIn(disk.text).length, 20_000 - lost + 1)
})

test('a disk that hangs: an announced call is given up after a while, and the trail continues after it', async (t) => {
  const disk = new Disk()
  disk.hangs = true
  let nowMs = Date.now()
  const { trail, events, announce, announced } = trailOn(t, disk, () => nowMs)
  announce()
  await until(() => disk.release !== undefined)
  nowMs += 6000
  await until(() => announced.length === 1)
  t.deepEqual(announced, [[1, false]])
  t.regex(events.told[0] ?? '', /troubled: a write takes longer than 5000 ms/)
  announce()
  t.deepEqual(announced.at(-1), [0, false])
  disk.hangs = false
  disk.release?.()
  await until(() => trail.facts.trouble === undefined)
  announce()
  await until(() => announced.length === 3)
  t.true(announced.at(-1)![1])
  t.true(sound(disk.text))
})

test('the last entry is written at the end, and a disk that takes nothing holds no end up', async (t) => {
  const disk = new Disk()
  const events = new Events()
  const from = { position: BEGINNING, needsLineFeed: false }
  const trail = new AuditTrail(disk, from, WHO, events)
  trail.add('start', entryText({ kind: 'start' }))
  await trail.close('stop', entryText({ kind: 'stop' }))
  t.deepEqual(kindsIn(disk.text), ['start', 'stop'])
  const full = new Disk()
  full.failure = 'ENOSPC'
  const other = new AuditTrail(full, from, WHO, events)
  other.add('start', entryText({ kind: 'start' }))
  await until(() => other.facts.trouble !== undefined)
  await other.close('stop', entryText({ kind: 'stop' }))
  t.is(full.text, '')
})

test('a file that is moved away in the middle of a line gets the rest of it', async (t) => {
  const disk = new Disk()
  const clock = { now: 0 }
  const files: string[] = ['']
  const write = disk.write.bind(disk)
  disk.write = async (bytes) => {
    const before = disk.text.length
    const took = await write(bytes)
    files[files.length - 1] += disk.text.slice(before)
    // Moved, and looked for, as soon as half a line is there.
    disk.moved = files.length === 1
    clock.now += 60_000
    return took
  }
  const follow = disk.follow.bind(disk)
  disk.follow = async () => {
    const moved = await follow()
    if (moved) files.push('')
    return moved
  }
  const { add } = trailOn(t, disk, () => clock.now)
  disk.most = 100
  add('one')
  add('two')
  await until(() => /"kind":"rotation".*\n$/.test(files[1] ?? ''))
  t.true(files[0]!.endsWith('}\n'), files[0])
  t.true(sound(files.join('')))
  t.true(sound(files[1]!), 'the new one is sound by itself')
})

async function folder(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'trail-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** One process that writes a file: from its start to its stop. */
async function life(path: string, work: (add: (tenant: string) => void) => Promise<void> | void) {
  const { sink, end } = await FileSink.open(path)
  const position = end.position ?? { ...BEGINNING, hash: NO_HASH }
  const trail = new AuditTrail(
    sink,
    { position, needsLineFeed: end.needsLineFeed },
    WHO,
    new Events(),
  )
  trail.add('start', entryText({ kind: 'start', ...(end.torn && { torn: { ...end.torn } }) }))
  await work((tenant) => trail.add('exchange', entryText({ kind: 'exchange', tenant })))
  await trail.close('stop', entryText({ kind: 'stop' }))
}

test('a new process goes on where the last one ended', async (t) => {
  const path = join(await folder(t), 'audit.log')
  for (let i = 0; i < 3; i++) await life(path, (add) => add(`t${i}`))
  const text = await readFile(path, 'utf8')
  t.true(sound(text))
  t.is(entriesIn(text).length, 9)
  t.is((await stat(path)).mode & 0o777, 0o640)
})

test('killed in the middle of a line, wherever: the next start states it', async (t) => {
  const directory = await folder(t)
  const path = join(directory, 'audit.log')
  await life(path, (add) => add('one'))
  const text = await readFile(path, 'utf8')
  const last = text.slice(0, -1).lastIndexOf('\n') + 1
  for (let cut = last; cut < text.length; cut += 13) {
    await writeFile(path, text.slice(0, cut))
    await life(path, (add) => add('two'))
    t.true(sound(await readFile(path, 'utf8')), `cut at ${cut}`)
  }
  // Only the line feed is missing.
  await writeFile(path, text.slice(0, -1))
  await life(path, (add) => add('two'))
  t.true(sound(await readFile(path, 'utf8')))
  // Killed again, before the start was written.
  await writeFile(path, `${text.slice(0, last + 40)}\n${text.slice(last, last + 3)}`)
  await life(path, (add) => add('three'))
  t.true(sound(await readFile(path, 'utf8')))
  // Killed in the first line of all.
  await writeFile(path, '{"seq":1,"ti')
  await life(path, (add) => add('four'))
  t.true(sound(await readFile(path, 'utf8')))
})

test('a file whose end no sidecar has written is not continued', async (t) => {
  const path = join(await folder(t), 'audit.log')
  await life(path, (add) => add('one'))
  const text = await readFile(path, 'utf8')
  const refuses = async (content: string) => {
    await writeFile(path, content)
    await t.throwsAsync(FileSink.open(path), {
      instanceOf: Fault,
      message: /its end is not an audit trail/,
    })
    t.is(await readFile(path, 'utf8'), content)
  }
  await refuses(`${text}added by hand\n`)
  await refuses(`${text}added by hand`)
  await refuses(`${text}\n`)
  await refuses(text.replace(/"stop"/, '"gap"'))
  await refuses('some other file\n')
  await refuses('\n')
  await refuses('x'.repeat(2_000_000))
})

test('what is no file, cannot be opened, or is written by another process', async (t) => {
  const directory = await folder(t)
  const path = join(directory, 'audit.log')
  await t.throwsAsync(FileSink.open(directory), { instanceOf: Fault, message: /is not a file/ })
  await t.throwsAsync(FileSink.open('/dev/null'), { instanceOf: Fault, message: /is not a file/ })
  await t.throwsAsync(FileSink.open(join(directory, 'absent/audit.log')), {
    instanceOf: Fault,
    message: /cannot be opened \(ENOENT\)/,
  })
  const { sink } = await FileSink.open(path)
  const link = join(directory, 'link')
  await symlink(directory, link)
  let opened = false
  let waits = 0
  const second = FileSink.open(join(link, 'audit.log'), () => waits++).then((other) => {
    opened = true
    return other.sink
  })
  await pause(300)
  t.false(opened)
  t.is(waits, 1, 'it is said once that it waits')
  await sink.close()
  await (await second).close()
})

test('a file that is moved away under load: the chain goes on over all of them', async (t) => {
  const directory = await folder(t)
  const path = join(directory, 'audit.log')
  let moves = 0
  await life(path, async (add) => {
    for (let i = 0; i < 2000; i++) {
      add(`t${i}`)
      if (i % 10 === 0) await pause(0)
      if (i % 400 === 399) {
        await until(() =>
          stat(path).then(
            () => true,
            () => false,
          ),
        )
        await rename(path, `${path}.${moves++}`)
      }
    }
  })
  const names = (await readdir(directory)).toSorted((a, b) => order(a) - order(b))
  t.true(names.length >= moves && moves === 5)
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
  t.true(sound(texts.join('')))
  t.is(kindsIn(texts.join('')).filter((kind) => kind === 'exchange').length, 2000)
  t.true(kindsIn(texts.join('')).includes('rotation'))
})

test('another file that is put in its place is not written', async (t) => {
  const path = join(await folder(t), 'audit.log')
  const { sink, end } = await FileSink.open(path)
  const events = new Events()
  const trail = new AuditTrail(sink, { ...end, position: BEGINNING }, WHO, events)
  const add = () => trail.add('exchange', entryText({ kind: 'exchange' }))
  add()
  await until(() => trail.facts.head.seq === 1)
  await rename(path, `${path}.1`)
  await writeFile(path, 'something else\n')
  await until(() => {
    add()
    return trail.facts.trouble !== undefined
  })
  t.regex(trail.facts.trouble ?? '', /another file, which is not empty, is in its place/)
  t.is(await readFile(path, 'utf8'), 'something else\n')
  await rm(path)
  await until(() => trail.facts.trouble === undefined)
  await trail.close('stop', entryText({ kind: 'stop' }))
  t.true(sound((await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'))))
})

/** `audit.log.0` before `audit.log.1`, and `audit.log` last. */
function order(name: string): number {
  const number = name.split('.')[2]
  return number === undefined ? Number.POSITIVE_INFINITY : Number(number)
}

test('a file that is moved away while nothing is written is begun anew', async (t) => {
  const path = join(await folder(t), 'audit.log')
  await life(path, async (add) => {
    add('one')
    await until(async () => (await readFile(path, 'utf8')).includes('"tenant":"one"'))
    await rename(path, `${path}.1`)
    await until(() =>
      stat(path).then(
        ({ size }) => size > 0,
        () => false,
      ),
    )
  })
  const [before, behind] = await Promise.all([
    readFile(`${path}.1`, 'utf8'),
    readFile(path, 'utf8'),
  ])
  t.true(sound(before + behind))
  t.deepEqual(kindsIn(behind), ['rotation', 'stop'])
  await appendFile(`${path}.1`, 'x\n')
  t.false(sound((await readFile(`${path}.1`, 'utf8')) + behind))
})
