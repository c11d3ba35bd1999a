import type { Problem } from '../fault.ts'
import type { Authority } from '../trust/chain.ts'
import type { Generation } from './generation.ts'

/** Something of a generation that has an end, and when a warning about it begins. */
export interface Ending {
  /** `our own certificate (serial 4f...)`. */
  readonly what: string
  /** The consequence, as the end of a sentence. */
  readonly meaning: string
  /** Milliseconds since the epoch. */
  readonly endsAt: number
  /** Milliseconds since the epoch. */
  readonly announcedFrom: number
  readonly hint: string
}

const DAY_MS = 86_400_000
/** A third of a root's life is years: a warning for so long would be ignored. */
const AUTHORITY_NOTICE_MS = 180 * DAY_MS

/** What helps, by where credentials come from. */
const REMEDIES = {
  files: {
    own: 'put a new certificate into tls.crt and its key into tls.key',
    authority: 'replace the root with okapi-sidecar certs rollover',
    list: 'put a newer list into ca.crl',
  },
  agent: {
    own: 'is the agent running, does it reach its server, and is this workload still registered there?',
    authority: 'give the server of the agent another authority',
    list: 'the agent has to bring a newer list',
  },
}

/** Everything of a generation that expires: announced when a third of its lifetime is left. */
export function endingsOf(generation: Generation): readonly Ending[] {
  const { presented, bundle, crls, byAgent } = generation
  const remedies = REMEDIES[byAgent ? 'agent' : 'files']
  const own = presented.map((certificate, index) => ({
    what:
      index === 0
        ? `our own certificate (serial ${certificate.serial.hex})`
        : `the certificate of ${certificate.subject.text} in our own chain`,
    meaning: 'peers will refuse us',
    ...lastThird(certificate.notBefore, certificate.notAfter),
    hint: remedies.own,
  }))
  const shown = new Set(presented.map(({ fingerprint256 }) => fingerprint256))
  const authorities = bundle.authorities
    .filter(({ fingerprint256 }) => !shown.has(fingerprint256))
    .filter((authority) => !byAgent || isLast(authority, generation))
    .map((authority) => ({
      what: `the authority ${authority.subject.text} (serial ${authority.serial.hex})`,
      meaning: 'every certificate that it issued will be refused',
      ...lastThird(authority.notBefore, authority.notAfter, AUTHORITY_NOTICE_MS),
      hint: remedies.authority,
    }))
  const lists = crls.map((crl) => ({
    what: `the revocation list of ${crl.issuer.text}`,
    meaning: 'every peer will be refused',
    ...lastThird(crl.thisUpdate, crl.nextUpdate),
    hint: remedies.list,
  }))
  return [...own, ...authorities, ...lists]
}

/** SPIRE has the next authority there when half of the life of one is over: each day, unless told otherwise. */
function isLast({ notAfter }: Authority, { bundle }: Generation): boolean {
  return bundle.roots.every((root) => root.notAfter <= notAfter)
}

function lastThird(begin: number, endsAt: number, mostMs = Number.POSITIVE_INFINITY) {
  return { endsAt, announcedFrom: endsAt - Math.min((endsAt - begin) / 3, mostMs) }
}

/** Reports what will expire soon, each thing once a day. */
export class Reminder {
  readonly #told = new Map<string, number>()

  /** The warnings that are due now (milliseconds since the epoch). */
  due(generation: Generation, now: number): readonly Problem[] {
    const near = endingsOf(generation).filter(({ announcedFrom }) => now >= announcedFrom)
    const known = new Set(near.map(keyOf))
    for (const key of this.#told.keys()) if (!known.has(key)) this.#told.delete(key)
    const due = near.filter((ending) => {
      const told = this.#told.get(keyOf(ending))
      // A report with a time in the future, from before the clock was set back, does not count.
      return told === undefined || Math.abs(now - told) >= DAY_MS
    })
    for (const ending of due) this.#told.set(keyOf(ending), now)
    return due.map((ending) => problemOf(ending, now))
  }
}

function keyOf({ what, endsAt }: Ending): string {
  return `${what} ${endsAt}`
}

function problemOf({ what, meaning, endsAt, hint }: Ending, now: number): Problem {
  const at = new Date(endsAt).toISOString()
  const message =
    now > endsAt
      ? `${what} expired on ${at}: ${meaning}`
      : `${what} expires in ${duration(endsAt - now)}, on ${at}; then ${meaning}`
  return { severity: 'warning', message, hint }
}

/** The largest unit that there are at least two of. */
function duration(ms: number): string {
  const units = [
    ['days', DAY_MS],
    ['hours', 3_600_000],
    ['minutes', 60_000],
  ] as const
  const [unit, size] = units.find(([, length]) => ms >= 2 * length) ?? ['seconds', 1000]
  return `${Math.floor(ms / size)} ${unit}`
}
