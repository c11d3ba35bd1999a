import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { OkapiUrl } from '../../src/proxy/okapi-url.ts'
import { SharedPath, sharedPathMemory } from '../../src/proxy/shared-path.ts'
import { until } from '../support/patience.ts'

test('all threads read what one has written; the last write counts', (t) => {
  const memory = sharedPathMemory()
  const [one, two] = [new SharedPath(memory), new SharedPath(memory)]
  t.is(two.path, '')
  for (const path of ['/okapi', '/okapi', '', '/a/much/longer/path', '/b']) {
    one.path = path
    t.is(two.path, path)
    t.is(one.path, path)
  }
})

test('a path that does not fit is none', (t) => {
  const memory = sharedPathMemory()
  const [one, two] = [new SharedPath(memory), new SharedPath(memory)]
  one.path = '/okapi'
  one.path = `/${'x'.repeat(5000)}`
  t.is(two.path, '')
})

test('what Okapi calls one thread with, the egress of another takes off at once', (t) => {
  const memory = sharedPathMemory()
  const url = 'http://localhost:9130'
  const [one, two] = [0, 1].map(() => new OkapiUrl(url, new SharedPath(memory)))
  const target = Buffer.from('/okapi/users')
  t.is(two!.prefixLength(target, 0, target.length), 0)
  one!.rewrite('https://library.example/okapi')
  t.is(two!.prefixLength(target, 0, target.length), 6)
  two!.rewrite('https://library.example')
  t.is(one!.prefixLength(target, 0, target.length), 0)
  one!.rewrite('https://library.example/okapi')
  t.is(two!.prefixLength(target, 0, target.length), 6)
})

test('no torn reads while others write', async (t) => {
  const memory = sharedPathMemory()
  const over = new Int32Array(new SharedArrayBuffer(4))
  const file = new URL('../../src/proxy/shared-path.ts', import.meta.url)
  const script = (path: string) => `
    import { workerData } from 'node:worker_threads'
    import { SharedPath } from ${JSON.stringify(file.href)}
    const shared = new SharedPath(workerData.memory)
    for (let i = 0; Atomics.load(workerData.over, 0) === 0; i++) {
      shared.path = i % 2 === 0 ? ${JSON.stringify(path)} : ''
    }`
  const paths = [`/${'a'.repeat(900)}`, `/${'b'.repeat(500)}`]
  const writers = paths.map((path) => {
    const url = new URL(`data:text/javascript,${encodeURIComponent(script(path))}`)
    return once(new Worker(url, { workerData: { memory, over } }), 'exit')
  })
  const shared = new SharedPath(memory)
  const known = new Set(['', ...paths])
  const seen = new Set<string>()
  // They go on until both have been seen.
  await until(() => {
    for (let i = 0; i < 20_000; i++) seen.add(shared.path)
    return paths.every((path) => seen.has(path))
  })
  Atomics.store(over, 0, 1)
  t.deepEqual(
    (await Promise.all(writers)).map(([code]) => code),
    [0, 0],
  )
  t.deepEqual(
    [...seen].filter((path) => !known.has(path)),
    [],
  )
})
