import type { BehalfJudge, Policy } from '../policy/policy.ts'
import {
  OKAPI_ITSELF,
  parseTrueCaller,
  type TrueCaller,
  trueCallerName,
  UNKNOWN_CALLER,
} from '../policy/true-caller.ts'

/** The maximum remembered; there are only as many as identities were issued. */
const MOST_KNOWN = 4096

/** A true caller with everything that is computed once: its name in several forms, its judge. */
export class KnownCaller {
  readonly who: TrueCaller
  readonly name: string
  readonly bytes: Buffer
  /** A number that identifies it to other threads; two names may have the same. */
  readonly hash: number
  /** Among the callers that were seen. */
  readonly throughOkapi: string
  /** What tells the callee's sidecar. */
  readonly line: Buffer
  /** By module, for the policy that was used last. */
  readonly #judges = new Map<string, BehalfJudge>()
  #policy: Policy | undefined

  constructor(who: TrueCaller) {
    this.who = who
    this.name = trueCallerName(who)
    this.bytes = Buffer.from(this.name, 'latin1')
    this.hash = hashOf(this.bytes)
    this.throughOkapi = `${this.name} through Okapi`
    this.line = Buffer.from(`X-Sidecar-Caller: ${this.name}\r\n`, 'latin1')
  }

  /**
   * The authorizer for calls that Okapi makes to the module `at` on its behalf, by the policy in
   * force.
   */
  judge(policy: Policy, at: string): BehalfJudge {
    if (this.#policy !== policy) this.#judges.clear()
    this.#policy = policy
    let judge = this.#judges.get(at)
    if (judge === undefined) {
      judge = policy.behalf(this.who, at)
      this.#judges.set(at, judge)
    }
    return judge
  }
}

/** Callers by name, each made once in a thread. */
export class KnownCallers {
  readonly okapi = new KnownCaller(OKAPI_ITSELF)
  readonly unknown = new KnownCaller(UNKNOWN_CALLER)
  readonly #byName = new Map<string, KnownCaller>([
    ['okapi', this.okapi],
    ['unknown', this.unknown],
  ])
  readonly #byHash = new Map<number, KnownCaller>()

  /** The caller of this name; undefined if the name is not possible. */
  named(name: string): KnownCaller | undefined {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const who = parseTrueCaller(name)
    if (who === undefined) return undefined
    const made = new KnownCaller(who)
    if (this.#byName.size < MOST_KNOWN) {
      this.#byName.set(name, made)
      this.#byHash.set(made.hash, made)
    }
    return made
  }

  /** A caller that was named before: the last one with this number. */
  hashed(hash: number): KnownCaller | undefined {
    return this.#byHash.get(hash)
  }
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 | 0
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}
