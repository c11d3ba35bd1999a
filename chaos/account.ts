import { REASONS, type Reason, type ReasonEntry } from '../src/refusal/reasons.ts'
import type { Kind } from './call.ts'
import { AFTERMATH_MS } from './fault.ts'
import type { Entry } from './ledger.ts'
import type { Told } from './load.ts'
import type { Struck } from './schedule.ts'

/** What is wrong with the account: a call, or an entry that belongs to none. */
export interface Finding {
  readonly id: string
  readonly why: string
  /** What its caller saw, what instances wrote down, which faults there were; in the order of time. */
  readonly timeline: readonly string[]
}

/** The account of a run. */
export interface Account {
  readonly calls: number
  /** How many ended how: `answered`, `refused overloaded`, `broken ECONNRESET`, ... */
  readonly outcomes: ReadonlyMap<string, number>
  /** Calls that failed, and whose request had reached an instance. */
  readonly failedButDelivered: number
  readonly findings: readonly Finding[]
  /** ms that answered calls took, in order, without a fault and within one. */
  readonly calmMs: readonly number[]
  readonly faultMs: readonly number[]
}

/** What a sidecar says to calls that its policy does not allow. */
const FORBIDDEN: Readonly<Partial<Record<Kind, Reason>>> = {
  'forbidden route': 'interface-not-required',
  'forbidden tenant': 'tenant-not-allowed',
  'forbidden token': 'token-not-seen-here',
}

/**
 * Reasons under which the request may have reached the module all the same: the failure was seen when it was
 * under way (docs/promises.md, 10). With every other one not a byte of it has.
 */
const MAY_BE_DELIVERED: ReadonlySet<string> = new Set<Reason>([
  ...(['upstream-unreachable', 'upstream-malformed', 'timeout-upstream', 'timeout'] as const),
])

/** What a sidecar may say to a call that is allowed, when something has failed. */
const MAY_FAIL: ReadonlySet<string> = new Set<Reason>([
  ...MAY_BE_DELIVERED,
  ...(['too-many', 'overloaded', 'draining', 'module-unavailable'] as const),
  // When a clock is far off, or a name leads to another module.
  ...([
    'wrong-peer',
    'upstream-untrusted',
    'expired-certificate',
    'untrusted-certificate',
  ] as const),
] as Reason[])

interface Seen {
  readonly instance: number
  readonly entry: Entry
}

/**
 * Joins what callers saw with what instances wrote down. `ledgers` are in the order of the instances; `forgot`: when
 * Okapi's sidecar was started, knowing no token.
 */
export function drawUp(
  told: readonly Told[],
  ledgers: readonly (readonly Entry[])[],
  struck: readonly Struck[],
  forgot: readonly number[] = [],
): Account {
  const seen = new Map<string, Seen[]>()
  for (const [instance, entries] of ledgers.entries()) {
    for (const entry of entries) {
      const list = seen.get(entry.id)
      if (list === undefined) seen.set(entry.id, [{ instance, entry }])
      else list.push({ instance, entry })
    }
  }
  const outcomes = new Map<string, number>()
  const findings: Finding[] = []
  const calmMs: number[] = []
  const faultMs: number[] = []
  let failedButDelivered = 0
  for (const one of told) {
    const there = seen.get(one.call.id) ?? []
    seen.delete(one.call.id)
    const around = struck.filter((each) => overlaps(one, each))
    const word = wordOf(one)
    outcomes.set(word, (outcomes.get(word) ?? 0) + 1)
    if (one.outcome.is === 'answered') (around.length === 0 ? calmMs : faultMs).push(one.ms)
    else if (there.length > 0) failedButDelivered++
    const whys = [
      ...wrongAtInstances(one, there),
      ...closedInstances(there, struck),
      ...wrongAtCaller(one, there, around, forgot),
    ]
    const timeline = () => timelineOf(one, there, around)
    for (const why of whys) findings.push({ id: one.call.id, why, timeline: timeline() })
  }
  for (const [id, there] of seen) {
    findings.push({ id, why: 'no caller sent it', timeline: there.map(lineOf) })
  }
  calmMs.sort((a, b) => a - b)
  faultMs.sort((a, b) => a - b)
  return { calls: told.length, outcomes, failedButDelivered, findings, calmMs, faultMs }
}

function overlaps({ began, ended }: Told, { from, to }: Struck): boolean {
  return began <= to + AFTERMATH_MS && ended >= from
}

function wordOf({ outcome }: Told): string {
  switch (outcome.is) {
    case 'refused':
      return `refused ${outcome.reason}`
    case 'broken':
      return `broken ${outcome.how}`
    default:
      return outcome.is
  }
}

/** What instances wrote down is at most once, and what was sent. */
function wrongAtInstances({ call, digest }: Told, there: readonly Seen[]): string[] {
  const wrong: string[] = []
  const count = (step: Entry['step']) => there.filter(({ entry }) => entry.step === step).length
  if (count('begun') > 1) wrong.push('delivered twice')
  if (count('whole') > 1 || count('answers') > 1) wrong.push('acted on twice')
  for (const { entry } of there) {
    if (entry.tenant !== call.tenant) wrong.push(`delivered for the tenant ${entry.tenant}`)
    if (entry.method !== call.method || entry.target !== call.target) {
      wrong.push(`delivered as ${entry.method} ${entry.target}`)
    }
    if (entry.step === 'whole' && entry.digest !== digest) wrong.push('delivered with another body')
  }
  return wrong
}

/** Nothing begins at an instance whose certificate is revoked. */
function closedInstances(there: readonly Seen[], struck: readonly Struck[]): string[] {
  const reached = struck.filter(({ closed, from, to }) =>
    there.some(
      ({ instance, entry: { step, at } }) =>
        instance === closed && step === 'begun' && at >= from && at <= to,
    ),
  )
  return reached.map(({ kind, at }) => `delivered to ${at}, and ${kind}`)
}

function wrongAtCaller(
  { call, outcome, tokenAt = Number.POSITIVE_INFINITY, ended }: Told,
  there: readonly Seen[],
  around: readonly Struck[],
  forgot: readonly number[],
): string[] {
  const forbidden = FORBIDDEN[call.kind]
  if (forbidden !== undefined && there.length > 0) return ['forbidden, and delivered']
  const excused = around.some(({ excuses }) => excuses)
  switch (outcome.is) {
    case 'answered':
      if (forbidden !== undefined) return ['forbidden, and answered']
      return there.some(({ entry }) => entry.step === 'answers') ? [] : ['answered by no instance']
    case 'wrong':
      return [`not its answer: ${outcome.why}`]
    case 'answered 400':
      return around.some(({ kind }) => kind === 'garbage')
        ? []
        : ['answered 400, and nothing was garbled']
    case 'unended':
      return ['has no end']
    case 'left':
      return []
    case 'refused': {
      const { reason, status } = outcome
      if (!isListed(reason, status))
        return [`refused with ${status} ${reason}, which is not listed`]
      if (reason === forbidden) return []
      if (reason === 'token-not-seen-here' && forgot.some((at) => at >= tokenAt && at <= ended)) {
        return there.length > 0 ? [`refused (${reason}), and delivered`] : []
      }
      if (!MAY_FAIL.has(reason)) return [`refused without a cause: ${reason}`]
      if (there.length > 0 && !MAY_BE_DELIVERED.has(reason))
        return [`refused (${reason}), and delivered`]
      return excused ? [] : [`refused (${reason}), and nothing had failed`]
    }
    default:
      return excused ? [] : ['failed, and nothing had failed']
  }
}

function isListed(reason: string, status: number): boolean {
  if (!Object.hasOwn(REASONS, reason)) return false
  const entry: ReasonEntry = REASONS[reason as Reason]
  return entry.status === status || (entry.also?.includes(status) ?? false)
}

function timelineOf(one: Told, there: readonly Seen[], around: readonly Struck[]): string[] {
  const { call, began, ended, outcome, digest } = one
  const asked = `asked ${call.kind}: ${call.method} ${call.target} for ${call.tenant}, ${call.bytes} bytes ${digest}`
  const lines: [number, string][] = [
    [began, asked],
    [ended, `its end: ${JSON.stringify(outcome)}`],
    ...there.map((each): [number, string] => [each.entry.at, lineOf(each)]),
    ...around.flatMap(({ kind, at, from, to }): [number, string][] => [
      [from, `fault begins: ${kind}, ${at}`],
      [to, `fault is over: ${kind}, ${at}`],
    ]),
  ]
  lines.sort(([a], [b]) => a - b)
  return lines.map(
    ([at, text]) => `${new Date(Math.min(at, 8e15)).toISOString().slice(11, 23)} ${text}`,
  )
}

function lineOf({ instance, entry }: Seen): string {
  const { step, tenant, method, target, digest } = entry
  return `instance ${instance + 1} ${step}: ${method} ${target} for ${tenant} ${digest}`.trim()
}
