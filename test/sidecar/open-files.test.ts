import test from 'ava'
import { openFileProblems } from '../../src/sidecar/machine.ts'

test('half of the open files is enough for the connections of callers, one less is not', (t) => {
  t.deepEqual(openFileProblems(512, 1024), [])
  const [problem, ...more] = openFileProblems(513, 1024)
  t.regex(problem?.message ?? '', /limits\.connections \(513\) .* 1024 files/)
  t.regex(problem?.hint ?? '', /ulimit -n/)
  t.deepEqual(more, [])
})

test('no warning where the system does not say', (t) => {
  t.deepEqual(openFileProblems(1_000_000, null), [])
})
