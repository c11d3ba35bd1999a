import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { writableByOthers } from '../../src/fault/guard.ts'

test('a file that others may write is refused, with the command that mends it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'guard-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'grants.yaml')
  writeFileSync(file, '[]')
  chmodSync(file, 0o644)
  t.deepEqual(writableByOthers(file), [])
  chmodSync(file, 0o666)
  const [problem] = writableByOthers(file)
  t.is(problem?.message, 'others may write this (mode 0666)')
  t.is(problem?.hint, `chmod go-w ${file}`)
})

test('a device is only reported: changing its mode would harm the machine', (t) => {
  t.deepEqual(writableByOthers('/dev/null'), [
    { severity: 'error', message: 'this is not a file', where: { file: '/dev/null' } },
  ])
})
