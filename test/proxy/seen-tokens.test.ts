import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { SeenTokens, seenTokensMemory } from '../../src/proxy/seen-tokens.ts'

const LIFE_MS = 3_600_000
const A = 'mod-a-1.0.0'
const B = 'mod-b-1.0.0'

function hashes(count: number): { readonly a: number; readonly b: number }[] {
  const bytes = randomBytes(8 * count)
  return Array.from({ length: count }, (_, i) => ({
    a: bytes.readInt32LE(8 * i),
    b: bytes.readInt32LE(8 * i + 4),
  }))
}

function memoryFor(tokensPerModule: number, modules = 4) {
  const memory = seenTokensMemory({ tokensPerModule, modules })
  return { memory, seen: new SeenTokens(memory, LIFE_MS) }
}

test('as many tokens as are promised are all known, in every turn of old and new ones', (t) => {
  for (const [capacity, turns] of [
    [256, 400],
    [1000, 100],
    [16_384, 12],
  ] as const) {
    const { seen } = memoryFor(capacity, 1)
    const now = performance.now()
    let unknown = 0
    for (let turn = 0; turn < turns; turn++) {
      const tokens = hashes(capacity)
      const from = now + turn * 5000
      for (const [i, hash] of tokens.entries()) seen.remember(A, hash, from + i / 100)
      for (const hash of tokens) {
        if (!seen.knows(A, hash, from + 4000)) unknown++
      }
    }
    t.is(unknown, 0, `${capacity} tokens, ${turns} times`)
    t.true(seen.fill.forgotten > 0, 'older ones had to go')
    t.true(seen.fill.bytes < capacity * 50 + 1000)
  }
})

test('every token has two sets, also where both of its halves lead to the same', (t) => {
  const { memory, seen } = memoryFor(256, 1)
  const sets = new Int32Array(memory)[4]!
  const owner = new SeenTokens(memory, LIFE_MS)
  const now = performance.now()
  // The first one says whose part it is; then the hashes are as they stand in memory.
  owner.remember(A, { a: 1, b: 1 }, now)
  const [ownerA, ownerB] = new Int32Array(memory).subarray(8, 10)
  const same: { a: number; b: number }[] = []
  for (let b = 0; same.length < 17; b++) {
    if ((Math.imul(b, 0x9e3779b1) & (sets - 1)) === 0) same.push({ a: ownerA!, b: b ^ ownerB! })
  }
  for (const hash of same) seen.remember(A, hash, now)
  t.deepEqual(
    same.filter((hash) => !seen.knows(A, hash, now)),
    [],
    'one set has 16 places',
  )
})

test('the oldest leave first, and one that was seen again is not old', (t) => {
  const { seen } = memoryFor(256, 1)
  const now = performance.now()
  const kept = hashes(50)
  const old = hashes(200)
  for (const hash of [...kept, ...old]) seen.remember(A, hash, now)
  for (let turn = 1; turn < 40; turn++) {
    for (const hash of kept) seen.remember(A, hash, now + turn * 2000)
    for (const hash of hashes(200)) seen.remember(A, hash, now + turn * 2000)
  }
  const end = now + 80_000
  t.true(kept.every((hash) => seen.knows(A, hash, end)))
  t.false(old.some((hash) => seen.knows(A, hash, end)))
})

test('a token has a life, which begins anew when it is seen again', (t) => {
  const { seen } = memoryFor(256)
  const now = performance.now()
  const [once, again] = hashes(2)
  seen.remember(A, once!, now)
  seen.remember(A, again!, now)
  seen.remember(A, again!, now + LIFE_MS / 2)
  t.true(seen.knows(A, once!, now + LIFE_MS - 1500))
  t.false(seen.knows(A, once!, now + LIFE_MS + 1500))
  t.true(seen.knows(A, again!, now + LIFE_MS + 1500))
  // Asking is not seeing.
  for (let i = 0; i < 10; i++) seen.knows(A, again!, now + LIFE_MS + i * 1000)
  t.false(seen.knows(A, again!, now + LIFE_MS * 1.5 + 1500))
})

test('a token of one module is not one of another', (t) => {
  const { seen } = memoryFor(256)
  const now = performance.now()
  const tokens = hashes(200)
  for (const hash of tokens) seen.remember(A, hash, now)
  t.true(tokens.every((hash) => seen.knows(A, hash, now)))
  t.false(tokens.some((hash) => seen.knows(B, hash, now)))
  seen.remember(B, tokens[0]!, now)
  t.deepEqual(
    tokens.map((hash) => seen.knows(B, hash, now)),
    tokens.map((_, i) => i === 0),
  )
  t.false(seen.knows('mod-c-1.0.0', tokens[0]!, now))
})

test('one module cannot push out the tokens of another', (t) => {
  const { seen } = memoryFor(256)
  const now = performance.now()
  const tokens = hashes(256)
  for (const hash of tokens) seen.remember(A, hash, now)
  for (const hash of hashes(50_000)) seen.remember(B, hash, now + 5000)
  t.true(tokens.every((hash) => seen.knows(A, hash, now + 5000)))
  t.is(seen.fillOf(A)?.forgotten, 0)
  t.true(seen.fillOf(B)!.forgotten > 40_000)
  t.is(seen.fillOf('mod-c-1.0.0'), undefined)
})

test('asking for tokens that were never seen changes nothing', (t) => {
  const { seen, memory } = memoryFor(256)
  const now = performance.now()
  const tokens = hashes(256)
  for (const hash of tokens) seen.remember(A, hash, now)
  const before = Buffer.from(new Uint8Array(memory))
  for (const hash of hashes(20_000)) {
    if (seen.knows(A, hash, now + 1000) || seen.knows(B, hash, now)) t.fail('it was never seen')
  }
  t.deepEqual(Buffer.from(new Uint8Array(memory)), before)
  t.true(tokens.every((hash) => seen.knows(A, hash, now)))
})

test('more modules than there is memory for: the one that was used longest ago makes room', (t) => {
  const { seen } = memoryFor(256, 3)
  const now = performance.now()
  const [hash] = hashes(1)
  for (const [i, id] of ['m-1', 'm-2', 'm-3'].entries()) seen.remember(id, hash!, now + i * 2000)
  seen.remember('m-1', hash!, now + 10_000)
  seen.remember('m-4', hash!, now + 12_000)
  t.deepEqual(
    ['m-1', 'm-2', 'm-3', 'm-4'].map((id) => seen.knows(id, hash!, now + 12_000)),
    [true, false, true, true],
  )
  // What was remembered for the one before is not taken for the new one's.
  const [other] = hashes(1)
  seen.remember('m-3', other!, now + 13_000)
  seen.remember('m-5', hash!, now + 20_000)
  t.false(seen.knows('m-5', other!, now + 20_000))
})

test('memory that no token was written to: every process draws its own key', (t) => {
  const [one, two] = [memoryFor(256).seen, memoryFor(256).seen]
  t.notDeepEqual(one.key, two.key)
  t.deepEqual(one.fill, { modules: 0, tokens: 0, forgotten: 0, unknown: 0, bytes: one.fill.bytes })
})

test('threads that remember at the same time lose none of their tokens', async (t) => {
  const perThread = 4000
  const { memory, seen } = memoryFor(16_384, 4)
  const file = new URL('../../src/proxy/seen-tokens.ts', import.meta.url)
  const script = `
    import { parentPort, workerData } from 'node:worker_threads'
    import { SeenTokens } from ${JSON.stringify(file.href)}
    const { memory, hashes } = workerData
    const seen = new SeenTokens(memory, ${LIFE_MS})
    parentPort.postMessage('ready')
    parentPort.once('message', () => {
      let lost = 0
      for (const hash of hashes) {
        for (const id of [${JSON.stringify(A)}, ${JSON.stringify(B)}]) {
          seen.remember(id, hash, performance.now())
          if (!seen.knows(id, hash, performance.now())) lost++
        }
      }
      parentPort.postMessage(lost)
      parentPort.close()
    })`
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`)
  const common = hashes(500)
  const own = [hashes(perThread), hashes(perThread)]
  const workers = own.map(
    (each) => new Worker(url, { workerData: { memory, hashes: [...common, ...each] } }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const lost = workers.map((worker) => once(worker, 'message'))
  for (const worker of workers) worker.postMessage('go')
  t.deepEqual(
    (await Promise.all(lost)).map(([count]) => count),
    [0, 0],
  )
  const all = [...common, ...own.flat()]
  // The threads have clocks of their own, and each counts from its own start.
  for (const id of [A, B]) t.true(all.every((hash) => seen.knows(id, hash, performance.now())))
  t.is(seen.fill.modules, 2, 'two threads that come at once do not make two parts of one module')
  t.is(seen.fill.forgotten, 0)
})
