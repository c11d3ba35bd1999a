import test from 'ava'
import { quoted, shown } from '../../src/postgres/quoted.ts'

test('a client’s name is safe for a terminal, and not longer than a line', (t) => {
  t.is(shown('diku_mod_users'), 'diku_mod_users')
  t.is(shown('a\u001b[2Jb\u009b2J\u202ec\n'), 'a\\u001b[2Jb\\u009b2J\\u202ec\\u000a')
  t.is(quoted('a"b'), '"a\\"b"')
  t.is(shown('x'.repeat(10_000)).length, 103)
})
