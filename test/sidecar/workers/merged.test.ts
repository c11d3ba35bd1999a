import test from 'ava'
import { History } from '../../../src/observe/status/history.ts'
import type { NewRefusal } from '../../../src/observe/status/last-refusals.ts'
import { merged } from '../../../src/sidecar/workers/merged.ts'
import type { Look } from '../../../src/sidecar/workers/messages.ts'

const NOW = Date.UTC(2026, 10, 22, 4)

function refusal(timeMs: number): NewRefusal {
  const asked = { at: 'okapi', method: 'GET', route: '/users', caller: 'mod-notes-8.1.0' }
  const told = {
    reason: 'admin-route',
    because: `so ${timeMs % 1000}`,
    from: '',
    requestId: '1',
    status: 403,
    passed: false,
  }
  return { timeMs, direction: 'ingress', ...asked, ...told }
}

function look(history: History, over: Partial<Look> = {}): Look {
  const { refusals, peers } = history
  const counts = { connections: 0, exchanges: 0, open: {}, stale: 0, bufferedBytes: 0, running: 0 }
  return {
    ...counts,
    concurrency: null,
    refusals,
    peers,
    overShare: history.overShare,
    slices: history.slices(NOW),
    ...over,
  }
}

test('several threads are shown as the one history that a single one would have', (t) => {
  const [whole, ...parts] = [new History(), new History(), new History()]
  for (let i = 0; i < 900; i++) {
    const timeMs = NOW - 500_000 + i * 500
    const told = [
      `mod-${i % 7}-1.0.0`,
      i % 9 === 0 ? 502 : 200,
      i % 5 === 0,
      i % 40,
      timeMs,
    ] as const
    for (const each of [whole, parts[i % 2]!]) {
      each.ended(...told)
      if (i % 5 === 0) each.refused(refusal(timeMs))
    }
  }
  const { history } = merged(parts.map((part) => look(part)))
  t.deepEqual(history.refusals, whole.refusals)
  t.deepEqual(history.overShare, whole.overShare)
  const byName = (peers: History['peers']) => peers.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  t.deepEqual(byName(history.peers), byName(whole.peers))
  const slices = history.slices(NOW)
  t.is(slices.length, whole.slices(NOW).length)
  for (const [i, slice] of whole.slices(NOW).entries()) {
    const { meanMs, ...counts } = slices[i]!
    t.like(slice, counts)
    t.true(Math.abs(meanMs - slice.meanMs) < 1e-9)
  }
})

test('what is open is added up, each thread stays to be seen', (t) => {
  const one = { connections: 3, exchanges: 10, open: { ingress: 2, egress: 1 } as const }
  const two = { connections: 4, exchanges: 20, open: { ingress: 4 } as const }
  const seen = merged([
    look(new History(), { ...one, stale: 1, bufferedBytes: 100, running: 2 }),
    look(new History(), { ...two, stale: 2, bufferedBytes: 5, running: 40 }),
  ])
  t.is(seen.connections, 7)
  t.is(seen.open('ingress'), 6)
  t.is(seen.open('egress'), 1)
  t.is(seen.open('public'), 0)
  t.is(seen.stale, 3)
  t.is(seen.bufferedBytes, 105)
  t.is(seen.running, 42)
  t.deepEqual(seen.workers, [
    { connections: 3, exchanges: 10 },
    { connections: 4, exchanges: 20 },
  ])
})

test('limits that follow the latency are added up, where there are any', (t) => {
  const of = (concurrency: Look['concurrency']) => look(new History(), { concurrency })
  t.is(merged([of(null), of(null)]).concurrency, null)
  const both = merged([of({ limit: 20, open: 3 }), of({ limit: 5, open: 6 })])
  t.deepEqual(both.concurrency, { limit: 25, open: 9 })
})
