import { request } from 'undici'
import { errorCode, fault } from '../../fault.ts'
import type { StatusFacts } from '../../observe/status/facts.ts'
import { printable } from '../terminal.ts'
import type { AskedSidecar } from './sources.ts'

const AT_A_TIME = 16
const PATIENCE_MS = 5000
const LATE = `within ${PATIENCE_MS / 1000} s`
/** The kernel accepts connections even for a stopped process. */
const STUCK =
  'its process is there and does nothing: is it stopped, without processor, or too busy?'

/** One of many sidecars, from its status listener, or from its admin listener, which has less. */
export interface SidecarState {
  readonly name: string
  readonly url: string
  /** Version of the program; '' if not given. */
  readonly version: string
  readonly state: 'ready' | 'waiting' | 'draining' | 'no answer'
  /** What it is waiting for, or why there is no answer; else ''. */
  readonly detail: string
  /** Null if only its end is given. */
  readonly certificateBeginsMs: number | null
  readonly certificateEndsMs: number | null
  readonly generation: number | null
  /** Exchanges under way; null if not given. */
  readonly openExchanges: number | null
  readonly mode: string
  /** Hash of the policy in force. */
  readonly hash: string
  /** Refusals since the start by reason, the most frequent first. */
  readonly refusals: readonly (readonly [reason: string, count: number])[]
  readonly wouldDeny: number
  /** Until when its migration listener is open; null if it has none. */
  readonly migrationUntilMs: number | null
  /** Products in quarantine by its policy, now or from a later date. */
  readonly quarantined: number
  readonly remarks: readonly string[]
}

/** All facts from a status listener. Throws a Fault if there is none at the URL. */
export async function ask(url: string): Promise<StatusFacts> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw fault(`\`${url}\` is not the URL of a status listener`, { hint: 'http://127.0.0.1:9902' })
  }
  const hint = 'it listens on status.listen of the configuration, on loopback'
  try {
    const { status, text } = await get(url, '/status.json')
    if (status !== 200) throw fault(`${url} answers ${status}: ${printable(text.trim())}`, { hint })
    return parsed(text) as StatusFacts
  } catch (error) {
    if (isLate(error)) throw fault(`no answer at ${url} ${LATE}`, { hint: STUCK })
    const code = errorCode(error)
    if (error instanceof SyntaxError) throw fault(`${url} is not a status listener`, { hint })
    if (code === undefined) throw error
    throw fault(`nothing answers at ${url} (${code})`, { hint })
  }
}

/** Queries all of them, some at a time; one that does not answer gets a line too. */
export async function askAll(sources: readonly AskedSidecar[]): Promise<SidecarState[]> {
  const seen: SidecarState[] = []
  const waiting = [...sources.entries()]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, source] = next
      seen[i] = await askOne(source)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
  return seen.map((one) => ({ ...one, name: distinct(one, seen) }))
}

/** Instances of one module are distinguished by their addresses. */
function distinct({ name, url }: SidecarState, all: readonly SidecarState[]): string {
  if (all.filter((one) => one.name === name).length < 2 || !URL.canParse(url)) return name
  return `${name} (${new URL(url).host})`
}

async function askOne(source: AskedSidecar): Promise<SidecarState> {
  if (source.url === '') return silent(source, 'it has no address yet')
  try {
    const { status, text } = await get(source.url, '/status.json')
    if (status === 200) return ofFacts(source, parsed(text) as StatusFacts)
    const [ready, metrics] = [await get(source.url, '/ready'), await get(source.url, '/metrics')]
    if (metrics.status !== 200) return silent(source, 'no listener of a sidecar')
    return ofAdmin(source, parsed(ready.text) as Ready, metrics.text)
  } catch (error) {
    return silent(
      source,
      isLate(error)
        ? `nothing came ${LATE}`
        : (errorCode(error) ?? (error instanceof Error ? error.message : 'no answer')),
    )
  }
}

function isLate(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

async function get(url: string, path: string): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const { statusCode, body } = await request(new URL(path, url), { signal })
  return { status: statusCode, text: await body.text() }
}

/** JSON, with texts made safe for a terminal: some come from callers, such as request ids. */
function parsed(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? printable(value) : value,
  )
}

function silent({ name, url }: AskedSidecar, detail: string): SidecarState {
  return { ...NOTHING, name, url, state: 'no answer', detail }
}

const NOTHING = {
  detail: '',
  version: '',
  certificateBeginsMs: null,
  certificateEndsMs: null,
  generation: null,
  openExchanges: null,
  mode: '',
  hash: '',
  refusals: [],
  wouldDeny: 0,
  migrationUntilMs: null,
  quarantined: 0,
  remarks: [],
} as const

function ofFacts({ url }: AskedSidecar, facts: StatusFacts): SidecarState {
  const { certificate, policy, migration, ready, draining, awaiting, remarks } = facts
  // Sidecars of earlier versions do not give the count.
  const all = facts.refusals.map(({ reason, passed, times = 1 }) => ({ reason, passed, times }))
  const refused = all
    .filter(({ passed }) => !passed)
    .map(({ reason, times }) => [reason, times] as const)
  const would = all.filter(({ passed }) => passed)
  return {
    name: facts.module,
    url,
    version: facts.version,
    state: draining ? 'draining' : ready ? 'ready' : 'waiting',
    detail: awaiting.join(', '),
    certificateBeginsMs: certificate.notBeforeMs,
    certificateEndsMs: certificate.notAfterMs,
    generation: certificate.generation,
    openExchanges: facts.openExchanges ?? null,
    mode: policy.mode,
    hash: policy.hash,
    refusals: byFrequency(refused),
    wouldDeny: would.reduce((sum, { times }) => sum + times, 0),
    migrationUntilMs: migration?.untilMs ?? null,
    quarantined: policy.quarantine.length,
    remarks: Object.entries(remarks).map(([about, words]) => `${about}: ${words}`),
  }
}

/** The answer of `/ready`. */
interface Ready {
  readonly ready: boolean
  readonly draining?: boolean
  readonly waitsFor?: readonly string[]
  readonly remarks?: Readonly<Record<string, string>>
}

function ofAdmin({ name, url }: AskedSidecar, said: Ready, metrics: string): SidecarState {
  const { ready, draining = false, waitsFor = [], remarks = {} } = said
  const series = seriesIn(metrics)
  const named = (wanted: string) => series.filter((each) => each.name === wanted)
  const sum = (wanted: string) => named(wanted).reduce((total, { value }) => total + value, 0)
  const first = (wanted: string) => named(wanted)[0]
  const policy = first('sidecar_policy_info')?.labels
  const own = (which: string) =>
    ms(
      named(`sidecar_certificate_${which}_timestamp_seconds`).find(
        ({ labels }) => labels.get('use') === 'module',
      ),
    )
  const until = first('sidecar_migration_until_timestamp_seconds')
  const refused = named('sidecar_refusals_total').map(
    ({ labels, value }) => [labels.get('reason') ?? '', value] as const,
  )
  return {
    name,
    url,
    version: first('sidecar_build_info')?.labels.get('version') ?? '',
    state: draining ? 'draining' : ready ? 'ready' : 'waiting',
    detail: waitsFor.join(', '),
    // Sidecars of earlier versions give only the end.
    certificateBeginsMs: own('not_before'),
    certificateEndsMs: own('not_after'),
    generation: first('sidecar_credentials_generation')?.value ?? null,
    openExchanges: first('sidecar_exchanges_open')?.value ?? null,
    mode: policy?.get('mode') ?? '',
    hash: policy?.get('hash') ?? '',
    refusals: byFrequency(refused),
    wouldDeny: sum('sidecar_would_deny_total'),
    migrationUntilMs: ms(until),
    quarantined: sum('sidecar_quarantined_products'),
    remarks: Object.entries(remarks).map(([about, words]) => `${about}: ${words}`),
  }
}

function ms(seconds: Series | undefined): number | null {
  return seconds === undefined ? null : seconds.value * 1000
}

interface Series {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

/** Prometheus' text format 0.0.4, as our own library writes it: our labels contain no quotes. */
function seriesIn(text: string): readonly Series[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', inner = '', value]) => {
      const labels = [...inner.matchAll(/(\w+)="([^"]*)"/g)].map(
        ([, key = '', is = '']) => [key, printable(is)] as const,
      )
      return { name, labels: new Map(labels), value: Number(value) }
    },
  )
}

function byFrequency(counts: readonly (readonly [string, number])[]): readonly [string, number][] {
  const sums = new Map<string, number>()
  for (const [reason, count] of counts) sums.set(reason, (sums.get(reason) ?? 0) + count)
  return [...sums].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1])
}
