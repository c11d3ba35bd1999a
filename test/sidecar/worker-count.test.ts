import test from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/fault.ts'
import { threadsOf, workerProblems } from '../../src/sidecar/machine.ts'

function configOf(workers?: string) {
  return loadConfig(undefined, {
    SIDECAR_MODULE: 'mod-users-19.7.0',
    SIDECAR_TRUST_DOMAIN: 'folio.test',
    SIDECAR_INGRESS_FORWARD: 'http://127.0.0.1:8081',
    ...(workers === undefined ? {} : { SIDECAR_WORKERS: workers }),
  }).config
}

test('one thread unless more are asked for, which Linux alone can have', (t) => {
  t.is(threadsOf(configOf(), { platform: 'linux', cpus: 8 }), 1)
  t.is(threadsOf(configOf('4'), { platform: 'linux', cpus: 2 }), 4)
  t.is(threadsOf(configOf('4'), { platform: 'darwin', cpus: 8 }), 1)
})

test('a warning for more threads than CPUs, and for threads off Linux', (t) => {
  t.deepEqual(workerProblems(configOf('1'), { platform: 'darwin', cpus: 1 }), [])
  t.deepEqual(workerProblems(configOf('2'), { platform: 'linux', cpus: 2 }), [])
  const [above] = workerProblems(configOf('3'), { platform: 'linux', cpus: 2 })
  t.is(above?.severity, 'warning')
  t.regex(above?.message ?? '', /`workers`: 3, but there are 2 CPUs/)
  const [elsewhere] = workerProblems(configOf('2'), { platform: 'darwin', cpus: 8 })
  t.regex(elsewhere?.message ?? '', /threads need Linux: here one serves/)
})

for (const wrong of ['0', '65', '1.5', '-1', '"two"']) {
  test(`workers: ${wrong} is refused`, (t) => {
    const error = t.throws(() => configOf(wrong), { instanceOf: Fault })
    t.deepEqual(error.problems.length, 1)
    t.regex(error.message, /workers/i)
  })
}
