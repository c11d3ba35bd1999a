import { MOST_OVER_SHARE, type OverShare } from '../../observe/over-share.ts'
import type { ConcurrencySeen } from '../../observe/status/facts.ts'
import {
  MOST_PEERS,
  MOST_REFUSALS,
  type PeerActivity,
  type Slice,
} from '../../observe/status/history.ts'
import { LastRefusals } from '../../observe/status/last-refusals.ts'
import type { ServingState } from '../serving-threads.ts'
import type { Look } from './messages.ts'

/** The reports of several threads merged into one. */
export function merged(looks: readonly Look[]): ServingState {
  const all = (of: (look: Look) => number) => looks.reduce((sum, look) => sum + of(look), 0)
  const refusals = new LastRefusals(MOST_REFUSALS)
  const told = looks.flatMap((look) => look.refusals).sort((a, b) => a.timeMs - b.timeMs)
  for (const { times, sinceMs, ...refusal } of told) refusals.add(refusal, times, sinceMs)
  const slices = (looks[0]?.slices ?? []).map((_, i) =>
    together(looks.map((look) => look.slices[i])),
  )
  return {
    connections: all(({ connections }) => connections),
    open: (direction) => all(({ open }) => open[direction] ?? 0),
    stale: all(({ stale }) => stale),
    bufferedBytes: all(({ bufferedBytes }) => bufferedBytes),
    running: all(({ running }) => running),
    concurrency: concurrencyOfAll(looks),
    history: {
      refusals: refusals.all,
      peers: peersOf(looks),
      overShare: overShareOf(looks),
      slices: () => slices,
    },
    workers: looks.map(({ connections, exchanges }) => ({ connections, exchanges })),
  }
}

function concurrencyOfAll(looks: readonly Look[]): ConcurrencySeen | null {
  const all = looks.flatMap(({ concurrency }) => concurrency ?? [])
  if (all.length === 0) return null
  const sum = (of: (one: ConcurrencySeen) => number) => all.reduce((n, one) => n + of(one), 0)
  return { limit: sum(({ limit }) => limit), open: sum(({ open }) => open) }
}

function peersOf(looks: readonly Look[]): readonly PeerActivity[] {
  const peers = new Map<string, PeerActivity>()
  for (const peer of looks.flatMap((look) => look.peers)) {
    const { exchanges = 0, refused = 0, lastMs = 0 } = peers.get(peer.name) ?? {}
    peers.set(peer.name, {
      name: peer.name,
      exchanges: exchanges + peer.exchanges,
      refused: refused + peer.refused,
      lastMs: Math.max(lastMs, peer.lastMs),
    })
  }
  return [...peers.values()].sort((a, b) => b.exchanges - a.exchanges).slice(0, MOST_PEERS)
}

function overShareOf(looks: readonly Look[]): readonly OverShare[] {
  const callers = new Map<string, OverShare>()
  const all = looks.flatMap((look) => look.overShare).sort((a, b) => a.lastMs - b.lastMs)
  for (const caller of all) {
    const times = (callers.get(caller.name)?.times ?? 0) + caller.times
    callers.set(caller.name, { ...caller, times })
  }
  return [...callers.values()].sort((a, b) => b.lastMs - a.lastMs).slice(0, 2 * MOST_OVER_SHARE)
}

/** The same ten seconds in several threads. */
function together(slices: readonly (Slice | undefined)[]): Slice {
  let [exchanges, refused, failed, durationMs] = [0, 0, 0, 0]
  for (const slice of slices) {
    if (slice === undefined) continue
    exchanges += slice.exchanges
    refused += slice.refused
    failed += slice.failed
    durationMs += slice.meanMs * slice.exchanges
  }
  return { exchanges, refused, failed, meanMs: exchanges === 0 ? 0 : durationMs / exchanges }
}
