import { spawnSync } from 'node:child_process'
import test from 'ava'
import { openFileLimit } from '../../src/transport/descriptors.ts'

test('the limit on open files is the one that this process runs with', (t) => {
  const module = new URL('../../src/transport/descriptors.ts', import.meta.url).href
  const script = `import('${module}').then(({ openFileLimit }) => console.log(openFileLimit()))`
  const command = 'ulimit -n 123; exec "$0" -e "$1"'
  const { stdout } = spawnSync('sh', ['-c', command, process.execPath, script])
  t.is(String(stdout), '123\n')
})

test('no known limit of open files: none is applied', (t) => {
  t.is(openFileLimit('/no/such/file'), null)
  t.is(openFileLimit('/dev/null'), null)
})
