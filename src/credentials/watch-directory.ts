import { type FSWatcher, realpathSync, watch } from 'node:fs'

/** How patient the watching is. */
export interface WatchTimes {
  /** Files that belong together are written one after the other: wait until it is quiet. */
  readonly debounceMs?: number
  /** Network and overlay file systems tell nothing: look anyway. */
  readonly pollMs?: number
}

/**
 * Calls back when something may have changed in a directory, and at every poll. The directory is
 * watched, not its files: a watch on a file behind Kubernetes' `..data` link sees one swap and then
 * never another. Returns the stop.
 */
export function watchDirectory(
  directory: string,
  onChange: () => void,
  { debounceMs = 200, pollMs = 30_000 }: WatchTimes = {},
): () => void {
  let watcher: FSWatcher | undefined
  let quiet: NodeJS.Timeout | undefined

  const soon = (_: string, name: string | null) => {
    clearTimeout(quiet)
    // A mounted secret changes as a whole, with the renaming of this one link: nothing is to come.
    quiet = setTimeout(onChange, name === '..data' ? 0 : debounceMs).unref()
  }
  const drop = () => {
    watcher?.close()
    watcher = undefined
  }
  /** Begins anew, for the path may lead to another directory by now, or to one made again. */
  const follow = () => {
    drop()
    try {
      watcher = watch(realpathSync(directory), { persistent: false }, soon)
      watcher.on('error', drop)
    } catch {
      // There is no such directory: the next poll looks again, and reading says what is missing.
      drop()
    }
  }
  follow()
  const poll = setInterval(() => {
    follow()
    onChange()
  }, pollMs).unref()

  return () => {
    clearTimeout(quiet)
    clearInterval(poll)
    drop()
  }
}
