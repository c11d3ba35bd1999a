import { setTimeout as pause } from 'node:timers/promises'
import { AFTERMATH_MS, type Fault, lasts } from '../fault.ts'
import type { Site } from '../site.ts'
import { clockOf } from './surroundings.ts'

/** Certificates are one thing, and with a clock that is far off none is valid. */
const taken = (site: Site) => ['certificates', ...site.sidecars.all.map(clockOf)]

/** A step of an operator, which the next one may follow when all sidecars have made it. */
async function step({ sidecars }: Site, change: Promise<void>): Promise<void> {
  await change
  await sidecars.adopted()
}

/** Certificates, roots and revocation lists change as docs/rotate.md says. */
export const CERTIFICATE_FAULTS: readonly Fault[] = [
  {
    kind: 'rotation',
    excuses: false,
    aim: (site) => ({
      at: 'all sidecars',
      takes: ['certificates'],
      strike: async () => {
        await site.certificates.renew()
        await pause(2500)
      },
    }),
  },
  {
    kind: 'root rollover',
    excuses: false,
    aim: (site) => ({
      at: 'all sidecars',
      takes: taken(site),
      strike: async () => {
        const { certificates, sidecars } = site
        await step(site, certificates.trustNewRoot())
        await step(site, certificates.renew())
        await sidecars.renewedConnections()
        await step(site, certificates.forgetOldRoots())
      },
    }),
  },
  {
    kind: 'new revocation lists',
    excuses: false,
    aim: (site) => ({
      at: 'all sidecars',
      takes: taken(site),
      strike: () => step(site, site.certificates.renewLists()),
    }),
  },
  {
    // What is on its way to a peer when it is revoked is cut.
    kind: 'instance is revoked',
    excuses: true,
    aim(site, random) {
      const closed = random.int(0, site.instances.length - 1)
      const { sidecar, module, outer, inner } = site.instances[closed]!
      const over = lasts(random, 1000, 8000)
      return {
        at: sidecar.name,
        // Whatever is late there would come when it is revoked.
        takes: [...taken(site), sidecar, module, outer, inner, site.names, site.okapiSidecar],
        strike: async (next) => {
          await step(site, site.certificates.revoke(sidecar.name))
          await pause(AFTERMATH_MS)
          next({ kind: 'instance stays revoked', excuses: false, closed })
          await over()
          next({ kind: 'instance has a new certificate', excuses: false })
          await step(site, site.certificates.renew(sidecar.name))
        },
      }
    },
  },
]
