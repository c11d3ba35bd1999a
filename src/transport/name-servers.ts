import { Resolver } from 'node:dns'
import { errorCode } from '../fault.ts'
import { absoluteNames, type ResolvConf } from './resolv-conf.ts'

/** What the name servers say of one name. */
export type DnsAnswer =
  | { readonly kind: 'found'; readonly addresses: readonly string[]; readonly ttlMs: number }
  /** There is no such name, or it has no address: that is an answer. */
  | { readonly kind: 'none'; readonly code: string }
  /** They are silent, or say that they cannot tell. */
  | { readonly kind: 'failed'; readonly code: string }

// A lost packet costs a second, not five as with libc; a silent server is given up after five
// seconds, the default of `limits.connectMs`.
const TRY = { timeout: 1000, tries: 3, maxTimeout: 2000 }
/** When one family has answered, how long the other may take (RFC 8305 section 3). */
const OTHER_FAMILY_MS = 100
const NO_SUCH = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

interface Record {
  readonly address: string
  readonly ttl: number
}

/**
 * Asks name servers through c-ares, whose questions wait on sockets. libc's getaddrinfo needs one
 * of four threads for each, and a few names whose server is silent block them all for half a
 * minute.
 */
export class NameServers {
  readonly #conf: ResolvConf
  readonly #resolver = new Resolver(TRY)

  constructor(conf: ResolvConf) {
    this.#conf = conf
    try {
      this.#resolver.setServers(conf.servers)
    } catch {
      // A server that c-ares cannot parse (an address with a zone): its own list stays in use.
    }
  }

  /** Asks for the possible full names, one after the other; `done` is called once, later. */
  ask(name: string, done: (answer: DnsAnswer) => void): void {
    const names = absoluteNames(name, this.#conf)
    let unsure: DnsAnswer | undefined
    const next = (i: number, last: DnsAnswer) => {
      const absolute = names[i]
      if (absolute === undefined) return done(unsure ?? last)
      this.#askBoth(absolute, (answer) => {
        if (answer.kind === 'found') return done(answer)
        if (answer.kind === 'failed') {
          // As glibc: a server that fails for one name may know the next, a silent one is not asked
          // again.
          if (answer.code !== 'ESERVFAIL') return done(answer)
          unsure ??= answer
        }
        next(i + 1, answer)
      })
    }
    process.nextTick(next, 0, { kind: 'none', code: 'ENOTFOUND' })
  }

  /** Both families at once; after one has answered the other is not waited for long. */
  #askBoth(name: string, done: (answer: DnsAnswer) => void): void {
    const answers: DnsAnswer[] = []
    let patience: NodeJS.Timeout | undefined
    let over = false
    const finish = () => {
      over = true
      clearTimeout(patience)
      done(together(answers))
    }
    const heard = (error: Error | null, records: readonly Record[]) => {
      if (over) return
      const answer = error === null ? found(records) : missing(error)
      answers.push(answer)
      if (answers.length === 2) finish()
      else if (answer.kind === 'found') patience = setTimeout(finish, OTHER_FAMILY_MS)
    }
    this.#resolver.resolve4(name, { ttl: true }, heard)
    this.#resolver.resolve6(name, { ttl: true }, heard)
  }
}

function found(records: readonly Record[]): DnsAnswer {
  const addresses = [...new Set(records.map(({ address }) => address))]
  if (addresses.length === 0) return { kind: 'none', code: 'ENODATA' }
  return { kind: 'found', addresses, ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000 }
}

function missing(error: Error): DnsAnswer {
  const code = errorCode(error) ?? 'EUNKNOWN'
  return { kind: NO_SUCH.has(code) ? 'none' : 'failed', code }
}

/** Addresses first, then failures, then negative answers. */
function together(answers: readonly DnsAnswer[]): DnsAnswer {
  const both = answers.filter((answer) => answer.kind === 'found')
  if (both.length > 0) {
    return {
      kind: 'found',
      addresses: both.flatMap(({ addresses }) => addresses),
      ttlMs: Math.min(...both.map(({ ttlMs }) => ttlMs)),
    }
  }
  return answers.find(({ kind }) => kind === 'failed') ?? answers[0]!
}
