import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { Fault, sentence } from '../../src/fault.ts'

function folder(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'audit-config-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What is made of this section, in a file in `directory`. */
function loaded(directory: string, audit: unknown, env: Readonly<Record<string, string>> = {}) {
  const file = join(directory, 'sidecar.json')
  const written = {
    module: 'mod-users-19.7.0',
    trustDomain: 'folio.test',
    ingress: {},
    ...(audit === undefined ? {} : { audit }),
  }
  writeFileSync(file, JSON.stringify(written), { mode: 0o600 })
  return loadConfig(file, env)
}

test('no audit trail unless it is configured', (t) => {
  t.is(loaded(folder(t), undefined).config.audit, undefined)
})

test('a file is beside the configuration, and what cannot be written is refused', (t) => {
  const directory = folder(t)
  const { config } = loaded(directory, { to: 'audit.log' })
  t.deepEqual(config.audit, {
    to: { file: join(directory, 'audit.log') },
    whenUnwritable: 'block',
  })
})

test('standard output, counted', (t) => {
  const { config } = loaded(folder(t), { to: 'stdout', whenUnwritable: 'count' })
  t.deepEqual(config.audit, { to: 'stdout', whenUnwritable: 'count' })
})

test('a file that is called stdout has a path', (t) => {
  const directory = folder(t)
  t.deepEqual(loaded(directory, { to: './stdout' }).config.audit?.to, {
    file: join(directory, 'stdout'),
  })
})

test('the environment sets it too', (t) => {
  const { config } = loaded(folder(t), undefined, { SIDECAR_AUDIT_TO: '/var/log/audit.log' })
  t.deepEqual(config.audit, { to: { file: '/var/log/audit.log' }, whenUnwritable: 'block' })
})

test('what it does not know is an error', (t) => {
  for (const audit of [
    {},
    { to: '' },
    { to: 1 },
    { to: 'stdout', whenUnwritable: 'ignore' },
    { to: 'stdout', kinds: [] },
    'stdout',
    true,
  ]) {
    t.throws(() => loaded(folder(t), audit), { instanceOf: Fault }, JSON.stringify(audit))
  }
})

test('a place where others may write is a warning', (t) => {
  const directory = folder(t)
  const open = join(directory, 'audit.log')
  t.deepEqual(loaded(directory, { to: open }).problems, [])
  writeFileSync(open, '', { mode: 0o600 })
  chmodSync(open, 0o666)
  const [file] = loaded(directory, { to: open }).problems
  t.is(file?.severity, 'warning')
  t.regex(sentence(file!), /audit\.log: others may write this/)
  chmodSync(open, 0o640)
  const elsewhere = folder(t)
  chmodSync(directory, 0o777)
  const [place] = loaded(elsewhere, { to: open }).problems
  t.is(place?.severity, 'warning')
  t.regex(sentence(place!), /others may put another file in the place of the audit trail/)
})
