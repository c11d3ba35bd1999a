import { crossed, type HonestCall, honestCall } from './hops.ts'
import { asExpected, letLoose, type Trial } from './rogue.ts'
import { openTown, type Progress, type Town } from './town.ts'
import { type Upgrade, upgrade } from './upgrade.ts'

/** What the demo showed. */
export interface Shown {
  readonly call: HonestCall
  readonly trials: readonly Trial[]
  readonly upgrade: Upgrade
  /** The call crossed, every try ended as it must, and the new route was named. */
  readonly good: boolean
}

/**
 * Opens the town, makes the one honest call, lets the rogue loose, asks what an upgrade opens, and hands over to `then` while
 * everything still runs. Everything is stopped at the end, however it comes.
 */
export async function demo(
  progress: Progress,
  signal: AbortSignal,
  then: (shown: Shown, town: Town) => Promise<void>,
): Promise<Shown> {
  const town = await openTown({ sidecars: true }, progress, signal)
  try {
    progress('making one ordinary call')
    const call = await honestCall(town)
    progress('attacking')
    const trials = await letLoose(town, signal)
    signal.throwIfAborted()
    progress('asking what an upgrade would open')
    const next = await upgrade(town.directory, signal)
    signal.throwIfAborted()
    const good = crossed(call) && trials.every(asExpected) && next.named
    const shown = { call, trials, upgrade: next, good }
    await then(shown, town)
    return shown
  } finally {
    progress('stopping')
    await town.close()
  }
}
