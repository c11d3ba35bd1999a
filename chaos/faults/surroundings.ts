import { setTimeout as pause } from 'node:timers/promises'
import { type Fault, lasts } from '../fault.ts'
import type { Program } from '../program.ts'
import type { Random } from '../random.ts'
import type { Site } from '../site.ts'

const HOUR_S = 3600

/** What a fault of this clock takes. */
export function clockOf({ name }: Program): string {
  return `clock of ${name}`
}

/** The name of the called module leads elsewhere for a while. */
function names(
  kind: string,
  excuses: boolean,
  least: number,
  most: number,
  change: (site: Site, random: Random) => void,
): Fault {
  return {
    kind,
    excuses,
    possible: ({ machine }) => machine.hasNames,
    aim(site, random) {
      const over = lasts(random, least, most)
      const strike = async () => {
        change(site, random)
        await over()
        site.names.silent = false
        site.tell(site.instances.map(({ address }) => address))
      }
      return { at: 'the name server', takes: [site.names], strike }
    },
  }
}

function clock(kind: string, excuses: boolean, seconds: (random: Random) => number): Fault {
  return {
    kind,
    excuses,
    possible: ({ machine }) => machine.hasClock,
    aim(site, random) {
      const sidecar = random.one(site.sidecars.all)
      const over = lasts(random, 2000, 8000)
      const step = seconds(random)
      const strike = async () => {
        site.stepClock(sidecar, step)
        await over()
        site.stepClock(sidecar, 0)
        // Its clock looks once a second.
        await pause(1500)
      }
      return { at: `${sidecar.name}, ${step} s`, takes: [clockOf(sidecar)], strike }
    },
  }
}

const all = (site: Site) => site.instances.map(({ address }) => address)

/** What is around the processes fails, or changes as it may: names, clocks, the disk, certificates, policy. */
export const SURROUNDING_FAULTS: readonly Fault[] = [
  // The documents: while the servers are silent or broken the last good answer is used.
  names('name server silent', false, 3000, 15_000, (site) => {
    site.names.silent = true
  }),
  names('name server broken', false, 3000, 15_000, (site) => {
    for (const name of site.names.zones.keys()) site.names.zones.set(name, 'servfail')
  }),
  names('name is gone', true, 1000, 12_000, (site) => {
    site.names.zones.clear()
  }),
  // One that no answer names gets no more calls, and what runs there finishes.
  names('name leads to fewer', false, 2000, 20_000, (site, random) => {
    site.tell(random.shuffled(all(site)).slice(0, random.int(1, 2)))
  }),
  // Another module's sidecar answers there: it proves another name, and is left out.
  names('name leads astray too', false, 2000, 20_000, (site) => {
    site.tell([site.wrongAddress, ...all(site)])
  }),
  names('name leads astray', true, 2000, 20_000, (site) => {
    site.tell([site.wrongAddress])
  }),
  clock('clock steps', false, (random) => random.int(-12, 12) * HOUR_S),
  clock('clock far off', true, (random) => random.one([-20, 20]) * 24 * HOUR_S),
  {
    kind: 'disk full',
    excuses: false,
    possible: ({ machine }) => machine.hasDisk,
    aim({ machine }, random) {
      const over = lasts(random, 1000, 8000)
      const strike = async () => {
        machine.fillDisk()
        await over()
        machine.emptyDisk()
      }
      return { at: 'the logs of all sidecars', takes: ['disk'], strike }
    },
  },
  {
    kind: 'policy reload',
    excuses: false,
    aim: (site) => ({
      at: 'all sidecars',
      takes: ['policy'],
      strike: async () => {
        site.changePolicy()
        await pause(1500)
      },
    }),
  },
]
