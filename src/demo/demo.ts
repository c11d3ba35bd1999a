import { crossed, type HonestCall, honestCall } from './hops.ts'
import { asExpected, letLoose, type Trial } from './rogue.ts'
import { openTown, type Progress, type Town } from './town.ts'

/** What the demo showed. */
export interface Shown {
  readonly call: HonestCall
  readonly trials: readonly Trial[]
  /** The call crossed, and every try ended as it must. */
  readonly good: boolean
}

/**
 * Opens the town, makes the one honest call, lets the rogue loose, and hands over to `then` while
 * everything still runs. Everything is stopped at the end, however it comes.
 */
export async function demo(
  progress: Progress,
  signal: AbortSignal,
  then: (shown: Shown, town: Town) => Promise<void>,
): Promise<Shown> {
  const town = await openTown({ sidecars: true }, progress, signal)
  try {
    progress('making one honest call')
    const call = await honestCall(town)
    progress('letting the rogue loose')
    const trials = await letLoose(town, signal)
    signal.throwIfAborted()
    const shown = { call, trials, good: crossed(call) && trials.every(asExpected) }
    await then(shown, town)
    return shown
  } finally {
    progress('stopping everybody')
    await town.close()
  }
}
