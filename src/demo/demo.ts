import { type DemoCluster, type ReportProgress, startCluster } from './cluster.ts'
import { crossed, type HonestCall, honestCall } from './hops.ts'
import { asExpected, runTrials, type Trial } from './rogue.ts'
import { type Upgrade, upgrade } from './upgrade.ts'

/** What the demo showed. */
export interface DemoResult {
  readonly call: HonestCall
  readonly trials: readonly Trial[]
  readonly upgrade: Upgrade
  /** The call crossed, every try ended as it must, and the new route was named. */
  readonly good: boolean
}

/**
 * Starts the cluster, makes the one honest call, runs the attacks, asks what an upgrade opens, and calls `then` while
 * everything still runs. Everything is stopped at the end, however it comes.
 */
export async function demo(
  progress: ReportProgress,
  signal: AbortSignal,
  then: (shown: DemoResult, cluster: DemoCluster) => Promise<void>,
): Promise<DemoResult> {
  const cluster = await startCluster({ sidecars: true }, progress, signal)
  try {
    progress('making one ordinary call')
    const call = await honestCall(cluster)
    progress('attacking')
    const trials = await runTrials(cluster, signal)
    signal.throwIfAborted()
    progress('asking what an upgrade would open')
    const next = await upgrade(cluster.directory, signal)
    signal.throwIfAborted()
    const good = crossed(call) && trials.every(asExpected) && next.named
    const shown = { call, trials, upgrade: next, good }
    await then(shown, cluster)
    return shown
  } finally {
    progress('stopping')
    await cluster.close()
  }
}
