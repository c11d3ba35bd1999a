import { Worker } from 'node:worker_threads'
import test from 'ava'
import fc from 'fast-check'
import { broughtMemory, TenantsBrought } from '../../src/proxy/brought-tenants.ts'

test('what Okapi brought is known for that module and that tenant alone', (t) => {
  const brought = new TenantsBrought(broughtMemory(false))
  t.false(brought.has('mod-a-1.0.0', 'diku'))
  brought.bring('mod-a-1.0.0', 'diku')
  brought.bring('mod-a-1.0.0', 'diku')
  t.is(brought.size, 1)
  t.true(brought.has('mod-a-1.0.0', 'diku'))
  for (const [id, tenant] of [
    ['mod-a-1.0.1', 'diku'],
    ['mod-a', 'diku'],
    ['mod-a-1.0.0', 'Diku'],
    ['mod-a-1.0.0', 'dik'],
    ['mod-a-1.0.0', ''],
  ] as const) {
    t.false(brought.has(id, tenant), `${id} ${tenant}`)
  }
  t.false(brought.crossed('mod-a-1.0.0', 'diku', 'diku'))
})

test('a crossing is known in its direction', (t) => {
  const brought = new TenantsBrought(broughtMemory(false))
  brought.bringAcross('mod-a', 'east', 'college')
  t.is(brought.size, 0, 'not without the tenant itself')
  brought.bring('mod-a', 'college')
  brought.bringAcross('mod-a', 'east', 'college')
  t.true(brought.crossed('mod-a', 'east', 'college'))
  t.false(brought.crossed('mod-a', 'college', 'east'))
  t.false(brought.crossed('mod-a', 'east', 'university'))
  t.false(brought.crossed('mod-b', 'east', 'college'))
  t.false(brought.has('mod-a', 'east'), 'a token alone makes no tenant served')
})

test('what is not a tenant name is not remembered', (t) => {
  const brought = new TenantsBrought(broughtMemory(false))
  for (const tenant of ['', 'a b', 'a\nb', 'x'.repeat(65), 'diku, supertenant', 'ä']) {
    brought.bring('mod-a', tenant)
    brought.bring('mod-a', 'diku')
    brought.bringAcross('mod-a', tenant, 'diku')
    t.false(brought.has('mod-a', tenant))
    t.false(brought.crossed('mod-a', tenant, 'diku'))
  }
  t.is(brought.size, 1)
})

test('it agrees with a plain set, whatever comes in whatever order', (t) => {
  const name = fc.constantFrom('a', 'b', 'ab', 'A', 'a-b', 'a_b')
  const id = fc.constantFrom('m-1', 'm-2', 'm-1a')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), id, name, name)), (steps) => {
      const brought = new TenantsBrought(broughtMemory(false))
      const plain = new Set<string>()
      for (const [across, module, from, to] of steps) {
        if (!across) {
          brought.bring(module, to)
          plain.add(`${module} ${to}`)
        } else {
          brought.bringAcross(module, from, to)
          if (plain.has(`${module} ${to}`)) plain.add(`${module} ${from} ${to}`)
        }
        for (const one of ['a', 'b', 'ab', 'A', 'a-b']) {
          t.is(brought.has(module, one), plain.has(`${module} ${one}`))
          t.is(brought.crossed(module, from, one), plain.has(`${module} ${from} ${one}`))
        }
      }
      t.is(brought.size, plain.size)
    }),
  )
})

test('a table that is full stays as it is: what follows counts as not brought', (t) => {
  const memory = broughtMemory(false)
  let full = 0
  const brought = new TenantsBrought(memory, () => full++)
  const names = Array.from({ length: 10_000 }, (_, i) => `tenant${i}`)
  for (const name of names) brought.bring('mod-a', name)
  t.true(full > 0)
  t.is(brought.size + full, names.length)
  const known = names.filter((name) => brought.has('mod-a', name))
  t.is(known.length, brought.size)
  t.true(known.length > 3500, 'most of its 4096 places are used')
  t.true(
    names.slice(0, 2000).every((name) => brought.has('mod-a', name)),
    'none false below half',
  )
  // Another thread finds the same.
  const other = new TenantsBrought(memory)
  t.deepEqual(
    names.filter((name) => other.has('mod-a', name)),
    known,
  )
  t.is(memory.byteLength, 40 + 4096 * 8)
})

test('beside Okapi there is room for 300 tenants of 200 modules', (t) => {
  const memory = broughtMemory(true)
  let full = 0
  const brought = new TenantsBrought(memory, () => full++)
  for (let module = 0; module < 200; module++) {
    for (let tenant = 0; tenant < 300; tenant++) brought.bring(`mod-${module}-1.0.0`, `t${tenant}`)
  }
  t.is(full, 0)
  t.is(brought.size, 60_000)
})

test('two sidecars write the same tenant differently', (t) => {
  const [one, other] = [broughtMemory(false), broughtMemory(false)]
  for (const memory of [one, other]) new TenantsBrought(memory).bring('mod-a', 'diku')
  const cells = (memory: SharedArrayBuffer) =>
    new BigUint64Array(memory, 40).filter((cell) => cell !== 0n)
  t.notDeepEqual(cells(one), cells(other))
})

test('threads fill one table at once and lose nothing', async (t) => {
  const memory = broughtMemory(false)
  const file = new URL('../../src/proxy/brought-tenants.ts', import.meta.url).href
  const code = `
    const { workerData } = require('node:worker_threads')
    import(workerData.file).then(({ TenantsBrought }) => {
      const brought = new TenantsBrought(workerData.memory)
      for (let i = 0; i < 1000; i++) brought.bring('mod-a', 't' + i)
    })`
  const threads = [1, 2, 3].map(
    () => new Worker(code, { eval: true, workerData: { file, memory } }),
  )
  await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve))))
  const brought = new TenantsBrought(memory)
  t.is(brought.size, 1000)
  for (let i = 0; i < 1000; i++) t.true(brought.has('mod-a', `t${i}`))
})
