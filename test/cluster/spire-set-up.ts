import type { Cluster } from './cluster.ts'
import { realWith, theInstallation } from './set-up.ts'
import { Spire } from './spire.ts'

/** What each of these tests is registered with. */
export const attested = realWith(['csi', 'spire-server', 'spire-agent'])
/** SPIRE renews when half of a life is over. */
export const LIFE_S = 120
/** What an operator writes for a module. */
export const spiffe = { credentials: { from: 'spiffe' } }

let spire: Spire | undefined

/** Starts it below the CA of the installation. */
export async function startSpire(cluster: Cluster): Promise<Spire> {
  spire = await Spire.start(cluster, theInstallation().authority)
  return spire
}

/** The one that was started. */
export function theSpire(): Spire {
  if (spire === undefined) throw new Error('SPIRE was not started')
  return spire
}
