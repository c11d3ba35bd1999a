import { setTimeout as pause } from 'node:timers/promises'
import { type Fault, lasts } from '../fault.ts'
import type { Hop, Weather } from '../hop.ts'

/** A hop changes its weather for a while. */
function weather(kind: string, turned: Weather, least: number, most: number): Fault {
  return {
    kind,
    excuses: true,
    aim(site, random) {
      const hop = random.one(site.hops)
      const late = random.int(500, 3000)
      const over = lasts(random, least, most)
      return { at: hop.name, takes: [hop], strike: () => during([hop], turned, late, over) }
    },
  }
}

async function during(
  hops: readonly Hop[],
  turned: Weather,
  lateMs: number,
  over: () => Promise<void>,
): Promise<void> {
  for (const hop of hops) await hop.turn(turned, lateMs)
  await over()
  for (const hop of hops) await hop.turn('fine')
}

/** The network between two processes fails. */
export const NETWORK_FAULTS: readonly Fault[] = [
  weather('upstream refuses', 'refuses', 1000, 6000),
  weather('upstream hangs', 'silent', 1000, 12_000),
  weather('slow accept', 'slow to accept', 2000, 6000),
  {
    kind: 'resets',
    excuses: true,
    aim(site, random) {
      const hop = random.one(site.hops)
      const times = random.int(1, 4)
      const strike = async () => {
        for (let i = 0; i < times; i++) {
          hop.reset()
          await pause(300)
        }
      }
      return { at: hop.name, takes: [hop], strike }
    },
  },
  {
    kind: 'garbage',
    excuses: true,
    aim(site, random) {
      const hop = random.one(site.hops)
      const [bytes, back] = [random.bytes(random.int(1, 400)), random.chance(0.5)]
      const strike = async () => {
        hop.garble(bytes, back)
        await pause(500)
        // What was garbled and still waits for more would wait for long.
        hop.reset()
      }
      return { at: hop.name, takes: [hop], strike }
    },
  },
  {
    kind: 'half-open connections',
    excuses: true,
    aim(site, random) {
      const hop = random.one(site.hops)
      const far = random.chance(0.5)
      const over = lasts(random, 2000, 20_000)
      const strike = async () => {
        hop.halve(far)
        await over()
        hop.mend()
      }
      return { at: hop.name, takes: [hop], strike }
    },
  },
  {
    kind: 'partition between sidecars',
    excuses: true,
    aim(site, random) {
      const outer = site.instances.map((each) => each.outer)
      const apart = random.chance(0.3)
        ? [site.toOkapi]
        : random.shuffled(outer).slice(0, random.int(1, outer.length))
      const over = lasts(random, 2000, 20_000)
      const at = apart.map(({ name }) => name).join(', ')
      return { at, takes: apart, strike: () => during(apart, 'silent', 0, over) }
    },
  },
]
