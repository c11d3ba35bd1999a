import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../src/fault.ts'
import { growthOf, isUnbounded, type Sample } from './growth.ts'
import { huge } from './huge.ts'
import { Load, type Tally } from './load.ts'
import { parseOptions, usage } from './options.ts'
import { openSite, type Site } from './site.ts'

const MIB = 1024 * 1024
const HUGE_BYTES = 1024 * MIB
/** What 1 GiB may add to the memory of a process that was under load before. */
const HUGE_MAY_ADD_BYTES = 96 * MIB
const ROTATE_EVERY_MS = 2500
const RELOAD_EVERY_MS = 1700
const SAMPLE_EVERY_MS = 500

/** What each sidecar held at each look, in the order of `site.sidecars`. */
type Looks = readonly { readonly heap: Sample[]; readonly rss: Sample[] }[]

async function soak(minutes: number, workers: number): Promise<number> {
  const site = await openSite(workers)
  const wrong: string[] = []
  try {
    const looks = site.sidecars.map(() => ({ heap: [] as Sample[], rss: [] as Sample[] }))
    const [out, into] = [site.urls[0]!, site.urls[1]!]
    const load = new Load()
    for (const url of [out, into]) {
      load.small(url, 24)
      load.bodies(url, 2)
      load.aborts(url, 2)
    }
    const changes = await changeAndLook(site, looks, minutes * 60_000)
    await load.stop()
    tell(load.tally, changes)
    for (const [what, times] of load.tally.errors) wrong.push(`${times} times: ${what}`)
    if (load.tally.answered === 0) wrong.push('nothing was answered')
    wrong.push(...judge(site, looks))
    wrong.push(...(await sendHuge(site)))
    for (const sidecar of site.sidecars) {
      const code = await sidecar.stop()
      if (code !== 0) wrong.push(`${sidecar.name} ended with ${code}`)
      for (const complaint of sidecar.complaints) wrong.push(`${sidecar.name}: ${complaint}`)
    }
  } finally {
    await site.close()
  }
  for (const each of wrong) console.log(`WRONG  ${each}`)
  console.log(wrong.length === 0 ? 'no errors, no growth' : `${wrong.length} things are wrong`)
  return wrong.length === 0 ? 0 : 1
}

/** Rotates, reloads and looks until the time is over. */
async function changeAndLook(site: Site, looks: Looks, ms: number) {
  const changes = { rotations: 0, reloads: 0 }
  const began = performance.now()
  const until = began + ms
  const every = async (pauseMs: number, act: () => void | Promise<void>) => {
    while (performance.now() < until) {
      await act()
      await pause(Math.min(pauseMs, Math.max(0, until - performance.now())))
    }
  }
  const extra = join(site.descriptors, 'mod-soak-1.0.0.json')
  await Promise.all([
    every(ROTATE_EVERY_MS, async () => {
      await site.rotate()
      changes.rotations++
    }),
    every(RELOAD_EVERY_MS, () => {
      if (changes.reloads++ % 2 === 1) rmSync(extra)
      else writeFileSync(extra, JSON.stringify({ id: 'mod-soak-1.0.0' }), { mode: 0o644 })
    }),
    every(SAMPLE_EVERY_MS, async () => {
      for (const [i, sidecar] of site.sidecars.entries()) {
        const { heapBytes, externalBytes, rssBytes } = await sidecar.held()
        const at = (performance.now() - began) / 1000
        looks[i]!.heap.push({ at, bytes: heapBytes + externalBytes })
        looks[i]!.rss.push({ at, bytes: rssBytes })
      }
    }),
  ])
  return changes
}

function tell(tally: Tally, changes: { rotations: number; reloads: number }): void {
  console.log(`answered   ${tally.answered}, ${mib(tally.bytes)} came back`)
  console.log(`gone away  ${tally.aborted}`)
  console.log(`changes    ${changes.rotations} rotations, ${changes.reloads} policy reloads`)
}

function judge(site: Site, looks: Looks): string[] {
  const wrong: string[] = []
  for (const [i, { heap, rss }] of looks.entries()) {
    const { name } = site.sidecars[i]!
    const { perMinute, whole } = growthOf(heap)
    const most = Math.max(...rss.map(({ bytes }) => bytes))
    console.log(
      `${name}  heap ${mib(heap.at(-1)!.bytes)}, slope ${mib(perMinute)} a minute (${mib(whole)} here), RSS at most ${mib(most)}`,
    )
    if (isUnbounded(heap)) wrong.push(`${name}: the heap grows, ${mib(perMinute)} a minute`)
  }
  return wrong
}

/** 1 GiB each way, while resident memory is watched. */
async function sendHuge(site: Site): Promise<string[]> {
  const wrong: string[] = []
  const before = await Promise.all(site.sidecars.map((sidecar) => sidecar.held()))
  const most = before.map(({ rssBytes }) => rssBytes)
  let over = false
  const watching = async () => {
    while (!over) {
      for (const [i, sidecar] of site.sidecars.entries()) {
        most[i] = Math.max(most[i]!, (await sidecar.held()).rssBytes)
      }
      await pause(100)
    }
  }
  const watch = watching()
  const error = await huge(site.urls[0]!, HUGE_BYTES)
  over = true
  await watch
  if (error !== null) wrong.push(`${mib(HUGE_BYTES)} there and back: ${error}`)
  for (const [i, sidecar] of site.sidecars.entries()) {
    const added = most[i]! - before[i]!.rssBytes
    console.log(
      `${sidecar.name}  ${mib(HUGE_BYTES)} there and back: RSS ${mib(most[i]!)}, ${mib(added)} more`,
    )
    if (added > HUGE_MAY_ADD_BYTES) wrong.push(`${sidecar.name}: ${mib(added)} more for one body`)
  }
  return wrong
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`
}

try {
  const { minutes, workers, help } = parseOptions(process.argv.slice(2))
  if (help) process.stdout.write(usage)
  else process.exitCode = await soak(minutes, workers)
} catch (error) {
  const mended = error instanceof Fault || (error instanceof Error && 'code' in error)
  console.error(mended && error instanceof Error ? `soak: error: ${error.message}` : error)
  process.exitCode = mended ? 2 : 1
}
