import { closeSync, openSync, readFileSync } from 'node:fs'
import { errorCode } from '../fault.ts'
import type { Ticking } from './clock.ts'

/** How many files and sockets this process may have open, or null if the system does not say. */
export function openFileLimit(limits = '/proc/self/limits'): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync(limits, 'utf8'))
    return line?.[1] === undefined ? null : Number(line[1])
  } catch {
    return null
  }
}

/** The reserve: an eighth of all, and at most this. */
const MOST_RESERVED = 64
const RESERVED_PART = 8
/** The shortage is over when nothing was refused for this long. */
const OVER_MS = 5000

/** System errors when the process, or the machine, has no descriptor left. */
export function isOutOfDescriptors(code: string | undefined): boolean {
  return code === 'EMFILE' || code === 'ENFILE'
}

/** The errors of connect(2) when this machine, not the peer, has no memory left. */
export function isOutOfMemory(code: string): boolean {
  return code === 'ENOBUFS' || code === 'ENOMEM'
}

/** What got no descriptor: a connection of a caller, or one to an upstream. */
type Starved = 'accept' | 'dial'

/** Who is told about it. */
export interface DescriptorEvents {
  /** Only the reserve is left; reported once per shortage. */
  began(openFiles: number | null): void
  /** There are enough again; with the number of connections refused meanwhile. */
  ended(refused: number): void
  /** A connection was refused for it. */
  refused(what: Starved): void
}

/**
 * The file descriptors of this process. Some are reserved for what must work when callers have
 * taken all others: probes, name lookups, reloading files. Without any descriptor libuv silently
 * accepts and closes every new connection, including kubelet's (`uv__emfile_trick`), so that must
 * not happen.
 */
export class Descriptors implements Ticking {
  readonly openFiles: number | null
  readonly #events: DescriptorEvents | undefined
  readonly #reserved: number
  #short = false
  #refused = 0
  #news = false
  #quietSince = 0

  constructor(events?: DescriptorEvents, openFiles = openFileLimit()) {
    this.#events = events
    this.openFiles = openFiles
    this.#reserved = Math.min(MOST_RESERVED, Math.floor((openFiles ?? 0) / RESERVED_PART))
  }

  /** Is one free beyond the reserve? */
  get free(): boolean {
    return this.#lowestFree() < this.#most(1)
  }

  /** The same for users of the reserve: half of it stays free for others. */
  get freeForProbes(): boolean {
    return this.#lowestFree() < this.#most(0.5)
  }

  /** A connection was refused because none is free. */
  refuse(what: Starved): void {
    this.#events?.refused(what)
    this.#refused++
    this.#news = true
    if (this.#short) return
    this.#short = true
    this.#events?.began(this.openFiles)
  }

  /** Why something was refused, as text. */
  get words(): string {
    const limit = this.openFiles === null ? '' : ` (${this.openFiles} files may be open)`
    return `this sidecar has no file descriptor left${limit}`
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    if (!this.#short) return
    if (this.#news || !this.free) {
      this.#news = false
      this.#quietSince = now
    } else if (now - this.#quietSince >= OVER_MS) {
      this.#short = false
      this.#events?.ended(this.#refused)
      this.#refused = 0
    }
  }

  #most(part: number): number {
    return this.openFiles === null
      ? Number.POSITIVE_INFINITY
      : this.openFiles - Math.ceil(this.#reserved * part)
  }

  /** POSIX: `open` gives the lowest descriptor that is free, so all below it are taken. */
  #lowestFree(): number {
    try {
      const descriptor = openSync('/dev/null', 'r')
      closeSync(descriptor)
      return descriptor
    } catch (error) {
      return isOutOfDescriptors(errorCode(error)) ? Number.POSITIVE_INFINITY : 0
    }
  }
}
