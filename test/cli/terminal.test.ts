import test from 'ava'
import { counted, table } from '../../src/cli/terminal.ts'

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

test('one thing is told as one', (t) => {
  t.deepEqual([counted(0, 'exchange'), counted(1, 'exchange')], ['0 exchanges', '1 exchange'])
})
