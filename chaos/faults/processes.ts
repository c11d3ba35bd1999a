import { setTimeout as pause } from 'node:timers/promises'
import { type Aim, type Fault, lasts } from '../fault.ts'
import type { Mode } from '../mode.ts'
import type { Program } from '../program.ts'
import type { Random } from '../random.ts'
import type { Instance, Site } from '../site.ts'

/** HTTP/1.1 has no word for "not delivered" (docs/stopping.md). */
const cannotGiveBack = ({ link }: Mode) => !link

interface OfOne extends Pick<Fault, 'kind' | 'excuses' | 'possible'> {
  /** One of these. */
  which(site: Site): readonly Program[]
  /** Is the process another one afterwards? */
  readonly anew?: boolean
  strike(program: Program, over: () => Promise<void>): Promise<void>
}

/** A fault of one process. */
function ofOne({ which, anew = false, strike, ...rest }: OfOne): Fault {
  return {
    ...rest,
    aim(site: Site, random: Random): Aim {
      const program = random.one(which(site))
      const over = lasts(random, 500, 8000)
      // A sidecar that is started anew has no last good answer of the name server.
      const looksUp = program === site.clerkSidecar || program === site.okapiSidecar
      const takes = anew && looksUp ? [program, site.names] : [program]
      return { at: program.name, takes, strike: () => strike(program, over) }
    },
  }
}

async function restart(program: Program): Promise<void> {
  await program.stop()
  await begin(program)
}

async function begin(program: Program): Promise<void> {
  await program.start()
  // The first calls look up the names.
  await pause(1500)
}

/** As Kubernetes replaces a pod: the name loses it, its sidecar leaves, the module ends, then the sidecar. */
async function replace(site: Site, { address, module, sidecar }: Instance): Promise<void> {
  const all = site.instances.map((each) => each.address)
  site.tell(all.filter((each) => each !== address))
  sidecar.signal('SIGUSR2')
  await pause(3000)
  await module.stop()
  const code = await sidecar.stop()
  if (code !== 0) sidecar.complaints.push(`${sidecar.name} ended with ${code}`)
  await Promise.all([module.start(), sidecar.start()])
  site.tell(all)
  await pause(1500)
}

/** Processes stand still, end, are killed, and run out of open files. */
export const PROCESS_FAULTS: readonly Fault[] = [
  ofOne({
    kind: 'SIGSTOP',
    excuses: true,
    which: (site) => site.programs,
    async strike(program, over) {
      program.signal('SIGSTOP')
      await over()
      program.signal('SIGCONT')
    },
  }),
  ofOne({
    kind: 'kill -9',
    excuses: true,
    which: (site) => site.programs,
    anew: true,
    async strike(program) {
      await program.kill()
      await begin(program)
    },
  }),
  // The documents: what waits for its module is given back, and goes to another address.
  ofOne({
    kind: 'sidecar restarts',
    excuses: cannotGiveBack,
    which: (site) => site.instances.map((each) => each.sidecar),
    anew: true,
    strike: restart,
  }),
  ofOne({
    kind: 'module restarts',
    excuses: true,
    which: (site) => [...site.instances.map((each) => each.module), site.okapi],
    anew: true,
    strike: restart,
  }),
  ofOne({
    kind: 'only sidecar restarts',
    excuses: true,
    which: (site) => [site.clerkSidecar, site.okapiSidecar],
    anew: true,
    strike: restart,
  }),
  ofOne({
    kind: 'no more open files',
    excuses: true,
    possible: ({ machine }) => machine.hasFileLimits,
    which: (site) => site.sidecars.all,
    async strike(program, over) {
      program.limitFiles(2)
      await over()
      program.limitFiles(undefined)
    },
  }),
  {
    kind: 'rolling restart',
    excuses: cannotGiveBack,
    possible: ({ machine }) => machine.hasNames,
    aim: (site) => ({
      at: 'all instances',
      takes: [site.names, ...site.instances.flatMap(({ module, sidecar }) => [module, sidecar])],
      strike: async () => {
        for (const instance of site.instances) await replace(site, instance)
      },
    }),
  },
]
