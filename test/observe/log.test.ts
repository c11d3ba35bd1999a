import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import test from 'ava'
import { createLog } from '../../src/observe/log.ts'

function collecting() {
  const lines: string[] = []
  return {
    lines,
    destination: { write: (line: string) => lines.push(line), flush: async () => {} },
  }
}

test('a line is JSON with its level as a word', (t) => {
  const { lines, destination } = collecting()
  const { log } = createLog({ level: 'info', destination })
  log.debug('not said')
  log.info({ listening: { ingress: '127.0.0.1:1' } }, 'ready')
  t.is(lines.length, 1)
  const line = JSON.parse(lines[0]!)
  t.deepEqual(Object.keys(line), ['level', 'time', 'listening', 'msg'])
  t.is(line.level, 'info')
  t.is(line.msg, 'ready')
  t.is(new Date(line.time).toISOString(), line.time)
})

test('a line is ASCII, whatever a caller is called: a terminal obeys C1 control characters', (t) => {
  const { lines, destination } = collecting()
  const { log } = createLog({ level: 'info', destination })
  const topic = 'a\x9b31m\x1b[2J\u202e\u{1f600}\n\x7f ’'
  log.warn({ topic }, `no rule is about ${topic}`)
  t.regex(lines[0]!, /^[ -~]+\n$/)
  t.like(JSON.parse(lines[0]!), { topic, msg: `no rule is about ${topic}` })
})

test('what is handed over under the name of a secret is masked', (t) => {
  const { lines, destination } = collecting()
  const { log } = createLog({ level: 'trace', destination })
  log.warn({ token: 'SECRET', requestId: 'planted', request: { cookie: 'SECRET' } }, 'x')
  t.false(lines[0]!.includes('SECRET'))
  t.true(lines[0]!.includes('planted'))
})

test('a process that exits has said everything', (t) => {
  const module = join(import.meta.dirname, '..', '..', 'src', 'observe', 'log.ts')
  const script = `
    import { createLog } from ${JSON.stringify(module)}
    const { log, destination } = createLog({ level: 'info' })
    for (let i = 0; i < 5000; i++) log.info({ i }, 'line')
    destination.write('{"msg":"exchange"}\\n')
    process.exit(3)
  `
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    maxBuffer: 10 ** 8,
  })
  t.is(status, 3)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.is(lines.length, 5001)
  t.deepEqual(lines.at(-1), { msg: 'exchange' })
})

test('texts and bytes come out whole and in order, though the memory of both is used again', (t) => {
  const module = join(import.meta.dirname, '..', '..', 'src', 'observe', 'standard-output.ts')
  const script = `
    import { StandardOutput } from ${JSON.stringify(module)}
    const out = new StandardOutput()
    const bytes = Buffer.alloc(64)
    for (let i = 0; i < 30000; i++) {
      const line = JSON.stringify({ i, text: '’'.repeat(i % 9) }) + '\\n'
      if (i % 3 === 0) out.write(line)
      else {
        out.write(bytes.subarray(0, bytes.write(line)))
        bytes.fill(0)
      }
      if (i % 1000 === 0) await out.flush()
    }
  `
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    maxBuffer: 10 ** 8,
  })
  t.is(status, 0)
  const seen = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.deepEqual(
    seen,
    Array.from({ length: 30000 }, (_, i) => ({ i, text: '’'.repeat(i % 9) })),
  )
})

test('a closed reader neither ends nor blocks the process', async (t) => {
  const module = join(import.meta.dirname, '..', '..', 'src', 'observe', 'log.ts')
  const script = `
    import { createLog } from ${JSON.stringify(module)}
    process.stdin.resume().once('end', async () => {
      const { log, destination } = createLog({ level: 'info' })
      log.info('a line without a reader')
      if (process.argv[1] === 'flush') await destination.flush()
      log.info('nor this')
      process.exit(3)
    })
  `
  for (const how of ['flush', 'exit']) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, how], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdout.destroy()
    await once(child.stdout, 'close')
    child.stdin.end()
    t.deepEqual(await once(child, 'exit'), [3, null], how)
  }
})
