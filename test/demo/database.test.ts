import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { findPostgres } from '../../src/demo/database.ts'

test('the newest server with both programs is taken, and none where one is missing', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'find-postgres-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const programs = (place: string, ...names: readonly string[]) => {
    const bin = join(directory, place)
    mkdirSync(bin, { recursive: true })
    for (const name of names) writeFileSync(join(bin, name), '')
    return bin
  }
  const debian = join(directory, 'debian')
  t.is(findPostgres('/nonexistent', debian), undefined)
  const psql = programs('psql', 'psql', 'postgres')
  t.is(findPostgres(psql, debian), undefined)
  const own = programs('own', 'postgres', 'initdb')
  t.is(findPostgres(`${psql}:${own}`, debian), own)
  programs('debian/9/bin', 'postgres', 'initdb')
  const newest = programs('debian/17/bin', 'postgres', 'initdb')
  t.is(findPostgres(own, debian), newest)
})
