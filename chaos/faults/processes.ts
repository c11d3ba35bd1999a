import { setTimeout as pause } from 'node:timers/promises'
import { type Aim, type Fault, lasts } from '../fault.ts'
import type { Program } from '../program.ts'
import type { Random } from '../random.ts'
import type { Instance, Site } from '../site.ts'

/** A fault of one process. */
function ofOne(
  kind: string,
  excuses: boolean,
  which: (site: Site) => readonly Program[],
  strike: (program: Program, over: () => Promise<void>) => Promise<void>,
  possible?: (site: Site) => boolean,
): Fault {
  return {
    kind,
    excuses,
    ...(possible && { possible }),
    aim(site: Site, random: Random): Aim {
      const program = random.one(which(site))
      const over = lasts(random, 500, 8000)
      return { at: program.name, takes: [program], strike: () => strike(program, over) }
    },
  }
}

async function restart(program: Program): Promise<void> {
  await program.stop()
  await program.start()
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
  ofOne(
    'SIGSTOP',
    true,
    (site) => site.programs,
    async (program, over) => {
      program.signal('SIGSTOP')
      await over()
      program.signal('SIGCONT')
    },
  ),
  ofOne(
    'kill -9',
    true,
    (site) => site.programs,
    async (program) => {
      await program.kill()
      await program.start()
    },
  ),
  // The documents: what waits for its module is given back, and goes to another address.
  ofOne('sidecar restarts', false, (site) => site.instances.map((each) => each.sidecar), restart),
  ofOne(
    'module restarts',
    true,
    (site) => [...site.instances.map((each) => each.module), site.okapi],
    restart,
  ),
  ofOne('only sidecar restarts', true, (site) => [site.clerkSidecar, site.okapiSidecar], restart),
  ofOne(
    'no more open files',
    true,
    (site) => site.sidecars,
    async (program, over) => {
      program.limitFiles(2)
      await over()
      program.limitFiles(undefined)
    },
    ({ machine }) => machine.hasFileLimits,
  ),
  {
    kind: 'rolling restart',
    excuses: false,
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
