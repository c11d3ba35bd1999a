import { existsSync } from 'node:fs'
import test from 'ava'
import { WORKER_FILE } from '../../../src/sidecar/workers/workers.ts'

// The other tests start the bundle; a person may start the sources.
test('the file with which a thread begins is there, not only in the bundle', (t) => {
  t.true(existsSync(WORKER_FILE), WORKER_FILE.href)
})
