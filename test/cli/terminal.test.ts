import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { counted, table } from '../../src/cli/terminal.ts'
import { createAuthority } from '../../src/pki/ca.ts'
import { MAIN } from '../support/program.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'
import { typed } from '../support/typed.ts'

test('colours take no room in a table, and no line ends with blanks', (t) => {
  const green = (text: string) => `\x1b[32m${text}\x1b[39m`
  const rows = [
    ['sidecar', 'state', 'refused'],
    ['mod-a', green('ready'), ''],
    ['mod-users', 'no answer', '1 admin-route'],
  ]
  t.is(
    table(rows),
    `sidecar    state      refused
mod-a      ${green('ready')}
mod-users  no answer  1 admin-route
`,
  )
})

test('one thing has no plural', (t) => {
  t.deepEqual([counted(0, 'exchange'), counted(1, 'exchange')], ['0 exchanges', '1 exchange'])
})

withTool('script')(
  'what takes long shows its progress on a terminal, and none in a pipe',
  async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'progress-'))
    t.teardown(() => rmSync(place, { recursive: true }))
    const ca = await createAuthority(join(place, 'ca'), { trustDomain: 'folio.test' })
    for (const id of ['mod-a-1.0.0', 'mod-b-1.0.0']) await ca.issue(id)
    const command = `${process.execPath} ${MAIN} certs status ${ca.directory}`
    const { out } = await runTool('script', ['-qec', command, '/dev/null'])
    t.true(out.includes(`\r\x1b[K1/2 ${ca.directory}/mod-a-1.0.0\r\x1b[K2/2 `))
    const piped = await typed(['certs', 'status', ca.directory])
    t.is(piped.stderr, '')
  },
)
