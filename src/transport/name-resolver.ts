import { isIP, type LookupFunction } from 'node:net'
import { type DnsAnswer, NameServers } from './name-servers.ts'
import { parseHosts, parseResolvConf, SystemFile, withoutDot } from './resolv-conf.ts'

/** Called once: the addresses, or none and why. */
export type Resolved = (addresses: readonly string[], failure: string | null) => void

/** How a lookup ended; `stale`: it failed, and the last good answer is used. */
export type Looked = 'found' | 'none' | 'failed' | 'stale'

/** Where names are looked up, and the callback for results. */
export interface NameOptions {
  readonly hosts?: string
  readonly resolvConf?: string
  /** Called for each name that servers were asked for; `code` says why there is no good answer. */
  readonly looked?: (result: Looked, host: string, code: string) => void
}

/** An answer is kept for its TTL, but no shorter and no longer than this. */
const SHORTEST_MS = 1000
const LONGEST_MS = 300_000
/** How long a negative answer, or a failure, is kept. */
const NEGATIVE_MS = 1000
/** How long the last good answer is used while name servers are silent (RFC 8767). */
const STALE_MS = 86_400_000
/**
 * How long they are waited for before it is used, and how long not at all after they have failed.
 */
const STALE_AFTER_MS = 500
const STALE_AGAIN_MS = 5000
/** Names stand in the configuration and in descriptors; more is a mistake. */
const MOST_NAMES = 1024
/** A question that c-ares has lost, which should not happen. */
const LOST_MS = 60_000

const LOOPBACK = ['127.0.0.1', '::1']

interface Waiter {
  readonly done: Resolved
  patience: NodeJS.Timeout | undefined
}

/** What is known of a name. */
interface Entry {
  /** The last good answer, and when it came. */
  addresses: readonly string[]
  goodAt: number
  /** Why there is no address now; null if there is one. */
  failure: string | null
  believedUntil: number
  askedAt: number
  /** The callbacks that wait for the current lookup; null: there is none. */
  waiting: Set<Waiter> | null
}

/**
 * Turns names into addresses as the machine does (addresses as they are, `localhost`, /etc/hosts,
 * then the name servers with the search domains of /etc/resolv.conf), but without libc: no thread
 * waits, a name is asked for once however many wait for it, an answer is kept for its TTL, and a
 * name whose server is silent does not block others.
 */
export class NameResolver {
  readonly #now: () => number
  readonly #hosts: SystemFile<ReturnType<typeof parseHosts>>
  readonly #servers: SystemFile<NameServers>
  readonly #entries = new Map<string, Entry>()
  readonly #looked: NameOptions['looked']

  /** @param now milliseconds, monotonic; may be coarse */
  constructor(now: () => number, options: NameOptions = {}) {
    const { hosts = '/etc/hosts', resolvConf = '/etc/resolv.conf', looked } = options
    this.#now = now
    this.#looked = looked
    this.#hosts = new SystemFile(hosts, parseHosts, now)
    const read = (text: string) => new NameServers(parseResolvConf(text))
    this.#servers = new SystemFile(resolvConf, read, now)
  }

  /**
   * The addresses of a host; may call back before it returns.
   * @param renew the known addresses do not work: ask name servers again before the TTL is over
   */
  resolve(host: string, done: Resolved, renew = false): void {
    const known = this.#unasked(host)
    if (known !== undefined) return done(known, null)
    const now = this.#now()
    const entry = this.#entry(host.toLowerCase())
    if (renew) entry.believedUntil = Math.min(entry.believedUntil, entry.askedAt + SHORTEST_MS)
    if (entry.waiting !== null && now - entry.askedAt < LOST_MS) return this.#wait(entry, done)
    if (now < entry.believedUntil)
      return done(entry.failure === null ? entry.addresses : [], entry.failure)
    entry.waiting ??= new Set()
    this.#wait(entry, done)
    entry.askedAt = now
    this.#servers.value.ask(host, (answer) => this.#answered(host, entry, answer))
  }

  /** For `net.connect` and `http.request`. */
  readonly lookup: LookupFunction = (host, { all }, callback) => {
    this.resolve(host, (addresses, failure) => {
      const found = addresses.map((address) => ({ address, family: isIP(address) }))
      const [first] = found
      const error =
        failure === null ? null : Object.assign(new Error(failure), { code: 'ENOTFOUND' })
      if (all || first === undefined) callback(error, found)
      else callback(null, first.address, first.family)
    })
  }

  /** Answers that are known without asking a name server. */
  #unasked(host: string): readonly string[] | undefined {
    if (isIP(host) !== 0) return [host]
    const name = withoutDot(host).toLowerCase()
    const listed = this.#hosts.value.get(name)
    if (name !== 'localhost' && !name.endsWith('.localhost')) return listed
    // RFC 6761 section 6.3: it is this machine, whatever a file or a server says.
    const own = listed?.filter((address) => address.startsWith('127.') || address === '::1') ?? []
    return own.length > 0 ? own : LOOPBACK
  }

  /** The entry of a name, created if there is none; the least recently used one makes room. */
  #entry(name: string): Entry {
    const entry = this.#entries.get(name) ?? {
      addresses: [],
      goodAt: Number.NEGATIVE_INFINITY,
      failure: null,
      believedUntil: Number.NEGATIVE_INFINITY,
      askedAt: Number.NEGATIVE_INFINITY,
      waiting: null,
    }
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    if (this.#entries.size > MOST_NAMES) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    return entry
  }

  #wait(entry: Entry, done: Resolved): void {
    const waiter: Waiter = { done, patience: undefined }
    entry.waiting?.add(waiter)
    if (!this.#hasGood(entry)) return
    waiter.patience = setTimeout(() => {
      if (entry.waiting?.delete(waiter)) done(entry.addresses, null)
    }, STALE_AFTER_MS)
  }

  #hasGood({ addresses, goodAt }: Entry): boolean {
    return addresses.length > 0 && this.#now() - goodAt <= STALE_MS
  }

  #answered(host: string, entry: Entry, answer: DnsAnswer): void {
    const now = this.#now()
    const stale = answer.kind === 'failed' && this.#hasGood(entry)
    this.#looked?.(stale ? 'stale' : answer.kind, host, answer.kind === 'found' ? '' : answer.code)
    if (answer.kind === 'found') {
      entry.addresses = answer.addresses
      entry.goodAt = now
      entry.failure = null
      entry.believedUntil = now + Math.min(Math.max(answer.ttlMs, SHORTEST_MS), LONGEST_MS)
    } else if (stale) {
      entry.failure = null
      entry.believedUntil = now + STALE_AGAIN_MS
    } else {
      if (answer.kind === 'none') entry.addresses = []
      entry.failure = `${host} does not resolve (${answer.code})`
      entry.believedUntil = now + NEGATIVE_MS
    }
    const waiting = entry.waiting ?? []
    entry.waiting = null
    for (const { done, patience } of waiting) {
      clearTimeout(patience)
      done(entry.failure === null ? entry.addresses : [], entry.failure)
    }
  }
}
