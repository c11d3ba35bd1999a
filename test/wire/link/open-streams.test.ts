import test from 'ava'
import fc from 'fast-check'
import { OpenStreams } from '../../../src/wire/link/open-streams.ts'

const SLOTS = 16

test('the table holds what a Map would hold, in any order of opening and closing', (t) => {
  // Ids that belong to the same few slots as often as not.
  const id = fc.oneof(
    fc.integer({ min: 1, max: 64 }),
    fc.integer({ min: 1, max: 40 }).map((n) => n * SLOTS - 1),
    fc.integer({ min: 1, max: 0x7fff_ffff }),
  )
  const steps = fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 })
  fc.assert(
    fc.property(steps, (all) => {
      const [streams, model] = [new OpenStreams<string>(), new Map<number, string>()]
      for (const [opens, key] of all) {
        if (opens && !model.has(key)) {
          streams.add(key, `stream ${key}`)
          model.set(key, `stream ${key}`)
        } else {
          streams.delete(key)
          model.delete(key)
        }
        t.is(streams.size, model.size)
        t.is(streams.get(key), model.get(key))
      }
      for (const [key, stream] of model) t.is(streams.get(key), stream)
      t.deepEqual(streams.ids().toSorted(), [...model.keys()].toSorted())
      t.deepEqual(streams.all().toSorted(), [...model.values()].toSorted())
    }),
    { numRuns: 300 },
  )
})

test('what was never opened is not there, and closing it closes nothing else', (t) => {
  const streams = new OpenStreams<string>()
  streams.add(1, 'one')
  t.is(streams.get(1 + SLOTS), undefined)
  streams.delete(1 + SLOTS)
  t.is(streams.get(1), 'one')
  streams.clear()
  t.is(streams.get(1), undefined)
  t.is(streams.size, 0)
})

test('ids in a row over a long life need no more slots than are open at a time', (t) => {
  const streams = new OpenStreams<number>()
  for (let id = 1; id <= 10_000; id++) {
    streams.add(id, id)
    if (id > 7) streams.delete(id - 7)
  }
  t.deepEqual(streams.ids().toSorted(), [9994, 9995, 9996, 9997, 9998, 9999, 10_000].toSorted())
})

test('streams may be dropped and opened while the table is iterated', (t) => {
  const streams = new OpenStreams<number>()
  // All of them belong to one slot, whatever the table has grown to (`spread`).
  const cluster: number[] = []
  for (let id = 4; cluster.length < 512; id += 4) {
    if (((Math.imul(id, 0x9e3779b1) >>> 16) & 1023) === 0) cluster.push(id)
  }
  const odd = new Set(cluster.filter((_, i) => i % 2 === 1))
  for (const id of cluster) streams.add(id, id)
  let next = 1
  for (const id of streams.ids()) {
    t.is(streams.get(id), id)
    if (odd.has(id)) streams.delete(id)
    else {
      streams.add(next, next)
      next += 4
    }
  }
  const left = cluster.filter((id) => !odd.has(id))
  const opened = Array.from({ length: left.length }, (_, i) => 1 + 4 * i)
  t.deepEqual(streams.all().toSorted(), [...left, ...opened].toSorted())
  for (const id of [...left].reverse()) streams.delete(id)
  t.deepEqual(streams.all().toSorted(), opened.toSorted())
})
