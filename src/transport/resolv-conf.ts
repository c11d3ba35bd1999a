import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** Which name servers to ask, and how (resolv.conf(5)). */
export interface ResolvConf {
  readonly servers: readonly string[]
  /** Domains that are appended to a name that is not absolute. */
  readonly search: readonly string[]
  /** A name with at least this many dots is first tried unchanged. */
  readonly ndots: number
}

const MOST_SERVERS = 3
const MOST_DOMAINS = 16
const MOST_NDOTS = 15
const MOST_NAME_BYTES = 253

/** Parses `/etc/resolv.conf`. Unknown lines are ignored. */
export function parseResolvConf(text: string, host = hostname()): ResolvConf {
  const servers: string[] = []
  let search: readonly string[] | undefined
  let ndots = 1
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (key === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    // The last of both wins.
    else if (key === 'search') search = values
    else if (key === 'domain') search = values.slice(0, 1)
    else if (key === 'options') ndots = ndotsIn(values) ?? ndots
  }
  return {
    servers: servers.length === 0 ? ['127.0.0.1'] : servers.slice(0, MOST_SERVERS),
    search: (search ?? domainOf(host)).map(withoutDot).filter(Boolean).slice(0, MOST_DOMAINS),
    ndots,
  }
}

/**
 * The absolute names to try for a name, in order. A name with a dot at the end is tried only
 * unchanged.
 */
export function absoluteNames(name: string, { search, ndots }: ResolvConf): readonly string[] {
  if (name.endsWith('.')) return [withoutDot(name)]
  const behind = search.map((domain) => `${name}.${domain}`)
  const dots = name.split('.').length - 1
  const all = dots >= ndots ? [name, ...behind] : [...behind, name]
  return all.filter(({ length }) => length <= MOST_NAME_BYTES)
}

/** `okapi.folio.svc.cluster.local.` without its last dot. */
export function withoutDot(name: string): string {
  return name.replace(/\.$/, '')
}

function ndotsIn(options: readonly string[]): number | undefined {
  const written = options.map((option) => /^ndots:(\d+)$/.exec(option)?.[1]).findLast(Boolean)
  return written === undefined ? undefined : Math.min(Number(written), MOST_NDOTS)
}

/** Without a line `search` or `domain` the domain of this machine is used. */
function domainOf(host: string): readonly string[] {
  const dot = host.indexOf('.')
  return dot === -1 ? [] : [host.slice(dot + 1)]
}

/** The addresses of each name, in lower case, in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>

/** Reads what `/etc/hosts` says: an address, then its names; `#` begins a comment (hosts(5)). */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      const known = hosts.get(key)
      if (known === undefined) hosts.set(key, [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return hosts
}

/** It is not checked more often than this. */
const LOOK_MS = 1000

/** A small file of the system, read again when it has changed; a missing one counts as empty. */
export class SystemFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  readonly #now: () => number
  #value: T | undefined
  #seen = ''
  #lookedAt = Number.NEGATIVE_INFINITY

  /** @param now milliseconds, monotonic */
  constructor(path: string, parse: (text: string) => T, now: () => number) {
    this.#path = path
    this.#parse = parse
    this.#now = now
  }

  /** Its content; the same value as long as the file is the same. */
  get value(): T {
    const now = this.#now()
    if (this.#value === undefined || now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now
      this.#look()
    }
    this.#value ??= this.#parse('')
    return this.#value
  }

  /**
   * If it cannot be read now (it is being replaced, no descriptor is left) the old content stays.
   */
  #look(): void {
    try {
      const { ino, size, mtimeMs } = statSync(this.#path)
      const seen = `${ino} ${size} ${mtimeMs}`
      if (seen === this.#seen) return
      this.#value = this.#parse(readFileSync(this.#path, 'utf8'))
      this.#seen = seen
    } catch {
      // Looked at again the next time.
    }
  }
}
