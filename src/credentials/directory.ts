import { type FSWatcher, realpathSync, watch } from 'node:fs'
import type { CredentialSource, RawMaterial } from './raw-material.ts'
import { readFolder } from './read-folder.ts'

/** The names that cert-manager and the csi-driver write; sizes generous for any chain, bundle or list. */
export const KEY_FILE = { name: 'tls.key', maxBytes: 65_536 }
export const CERTIFICATE_FILE = { name: 'tls.crt', maxBytes: 1_048_576 }
const WANTED = {
  key: KEY_FILE,
  cert: CERTIFICATE_FILE,
  ca: { name: 'ca.crt', maxBytes: 4_194_304 },
  crl: { name: 'ca.crl', maxBytes: 67_108_864, optional: true },
} as const

/** A directory with `tls.crt`, `tls.key`, `ca.crt` and perhaps `ca.crl`. */
export function directorySource(directory: string, times?: WatchTimes): CredentialSource {
  return {
    description: directory,
    read: () => readDirectory(directory),
    watch: (onChange) => watchDirectory(directory, onChange, times),
  }
}

async function readDirectory(directory: string): Promise<RawMaterial> {
  const files = await readFolder(directory, WANTED)
  const [key, cert, ca] = [files.get('key')!, files.get('cert')!, files.get('ca')!]
  const crl = files.get('crl')
  return { key, cert, ca, ...(crl !== undefined && { crl }) }
}

/** How patient the watching is. */
export interface WatchTimes {
  /**
   * Files that belong together are written one after the other: wait until there are no more
   * changes.
   */
  readonly debounceMs?: number
  /** Network and overlay file systems send no events, so poll too. */
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
    // A mounted secret changes as a whole, by renaming this one link: nothing follows.
    quiet = setTimeout(onChange, name === '..data' ? 0 : debounceMs).unref()
  }
  const drop = () => {
    watcher?.close()
    watcher = undefined
  }
  /** Starts again, because the path may lead to another or a new directory by now. */
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
