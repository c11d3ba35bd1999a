import { isIP } from 'node:net'
import { type Address, asSocketsTell, formatAddress } from './address.ts'
import type { NameResolver } from './name-resolver.ts'
import { PeerAddresses, type Target } from './peer-addresses.ts'

/**
 * A target that refuses for now is not tried again at once, because a handshake costs both sides.
 */
const REST_MS = 500
/** Once one address is found, other lookups are waited for no longer than this. */
const OTHER_NAMES_MS = 100

type Outcome = 'fits' | 'later' | 'leaving' | 'unreachable' | 'wrong'

const RANK: Readonly<Record<Outcome, number>> = {
  fits: 0,
  later: 1,
  leaving: 1,
  unreachable: 2,
  wrong: 3,
}
// When there are more than this, all are forgotten at once: addresses come and go with pods.
const MOST_REMEMBERED = 256

/** Resolves addresses, and puts the ones that worked last time first. */
export class Targets {
  readonly #addresses: readonly Address[]
  readonly #names: NameResolver
  /** All of them, as of the last answer, to spread exchanges over. */
  readonly known: PeerAddresses
  readonly #outcomes = new Map<string, Outcome>()
  /** Targets that refuse for now: until when they are skipped, and why. */
  readonly #resting = new Map<string, { readonly until: number; readonly why: string }>()
  #turn = 0
  /** One of them is leaving: its replacement will have another address. */
  #renew = false

  constructor(addresses: readonly Address[], names: NameResolver, clock: { readonly now: number }) {
    if (addresses.length === 0) throw new Error('nothing to dial: there is no address')
    this.#addresses = addresses
    this.#names = names
    this.known = new PeerAddresses(clock, () => this.resolve(() => {}))
  }

  /** The sentence when the lookups took too long. */
  get notResolved(): string {
    const names = this.#addresses.flatMap((each) =>
      'host' in each && isIP(each.host) === 0 ? each.host : [],
    )
    return `${names.join(', ')}: not resolved in time`
  }

  /**
   * Every address of every name, in the order in which they are to be tried; names that do not
   * resolve are in `failures`. A name whose servers are silent does not block the others. May call
   * back before it returns.
   * @param renew the known addresses do not work
   */
  resolve(
    done: (targets: readonly Target[], failures: readonly string[]) => void,
    renew = false,
  ): void {
    const found: (readonly Target[])[] = []
    const failures: string[] = []
    let open = this.#addresses.length
    const turn = this.#turn++
    const anew = renew || this.#renew
    this.#renew = false
    let patience: NodeJS.Timeout | undefined
    const finish = () => {
      clearTimeout(patience)
      const all = open === 0 && failures.length === 0
      open = 0
      const targets = found.flat()
      if (all) this.known.answered(targets)
      done(this.#inOrder(targets), failures)
    }
    const over = (): boolean => open === 0
    for (const [index, address] of this.#addresses.entries()) {
      this.#resolveOne(address, anew, (targets, failure) => {
        if (over()) return
        found[index] = rotate(targets, turn)
        if (failure !== null) failures.push(failure)
        if (--open === 0) finish()
        else if (targets.length > 0) patience ??= setTimeout(finish, OTHER_NAMES_MS)
      })
    }
  }

  /** What came of trying this target. */
  remember({ key }: Pick<Target, 'key'>, outcome: Outcome): void {
    if (this.#outcomes.size >= MOST_REMEMBERED) this.#outcomes.clear()
    this.#outcomes.set(key, outcome)
    if (outcome === 'fits') this.known.served(key)
    else if (outcome === 'leaving') this.known.leaves(key)
    else this.known.failed(key)
    if (outcome === 'later' || outcome === 'leaving') this.#renew = true
  }

  /** This target refuses for now, and may accept later; `now` in milliseconds of the clock. */
  rest({ key }: Pick<Target, 'key'>, why: string, now: number): void {
    if (this.#resting.size >= MOST_REMEMBERED) this.#resting.clear()
    this.#resting.set(key, { until: now + REST_MS, why })
  }

  /** Why this target is skipped now; undefined: it may be tried. */
  resting({ key }: Target, now: number): string | undefined {
    const rest = this.#resting.get(key)
    if (rest === undefined || now < rest.until) return rest?.why
    this.#resting.delete(key)
    return undefined
  }

  #resolveOne(
    address: Address,
    renew: boolean,
    done: (targets: readonly Target[], failure: string | null) => void,
  ): void {
    if ('path' in address) return done([{ address, key: address.path, name: undefined }], null)
    const { host, port } = address
    const name = isIP(host) === 0 ? host : undefined
    const resolved = (hosts: readonly string[], failure: string | null) => {
      const targets = hosts.map((each) => {
        const at = { host: asSocketsTell(each), port }
        return { address: at, key: formatAddress(at), name }
      })
      done(targets, failure)
    }
    if (name === undefined) resolved([host], null)
    else this.#names.resolve(name, resolved, renew)
  }

  #inOrder(targets: Target[]): Target[] {
    const rank = ({ key }: Target) => RANK[this.#outcomes.get(key) ?? 'fits']
    return targets.sort((a, b) => rank(a) - rank(b))
  }
}

/**
 * Answers may always have the same order: then all connections would go to the first of several
 * pods.
 */
function rotate(targets: readonly Target[], turn: number): readonly Target[] {
  if (targets.length < 2) return targets
  const first = turn % targets.length
  return [...targets.slice(first), ...targets.slice(0, first)]
}
