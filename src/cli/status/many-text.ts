import { dateText, spanText, urgency } from '../../observe/status/words.ts'
import { paint, table, textWidth, wrap } from '../terminal.ts'
import type { SidecarState } from './asking.ts'

/** Where it is not known how long a certificate lives: as the chart's alert has it. */
const SOON_MS = 6 * 3_600_000
const RANK = { 'no answer': 0, waiting: 1, draining: 2, ready: 4 } as const

/** Those in trouble first: without an answer, not ready, with a certificate that ends soon, then by name. */
export function worst(seen: readonly SidecarState[], nowMs = Date.now()): readonly SidecarState[] {
  const rank = (one: SidecarState) =>
    one.state === 'ready' && endsSoon(one, nowMs) ? 3 : RANK[one.state]
  return [...seen].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}

/** Is the certificate one that a person has to look at, because it should have been renewed? */
export function endsSoon(
  {
    certificateBeginsMs: begins,
    certificateEndsMs: ends,
  }: Pick<SidecarState, 'certificateBeginsMs' | 'certificateEndsMs'>,
  nowMs: number,
): boolean {
  if (ends === null) return false
  return begins === null ? ends - nowMs < SOON_MS : urgency(begins, ends, nowMs) !== 'fine'
}

/** How long the certificate lasts. */
export function leftText({ certificateEndsMs }: SidecarState, nowMs: number): string {
  if (certificateEndsMs === null) return ''
  return certificateEndsMs > nowMs ? spanText(certificateEndsMs - nowMs) : 'OVER'
}

/** The most frequent reasons. */
export function refusedText({ refusals }: SidecarState, most: number): string {
  const shown = refusals.slice(0, most).map(([reason, count]) => `${count} ${reason}`)
  return refusals.length > most ? `${shown.join(', ')}, ...` : shown.join(', ')
}

/** What is out of the ordinary, a sentence each. */
export function notes(one: SidecarState, nowMs: number): readonly string[] {
  const { state, detail, migrationUntilMs, quarantined, wouldDeny, remarks } = one
  const migration = migrationUntilMs === null ? [] : [migrationNote(migrationUntilMs, nowMs)]
  return [
    ...(state !== 'ready' && detail !== '' ? [`${state}: ${detail}`] : []),
    ...migration,
    ...(quarantined > 0 ? [`${quarantined} in quarantine`] : []),
    ...(wouldDeny > 0 ? [`${wouldDeny} would be refused if enforced`] : []),
    ...remarks,
  ]
}

function migrationNote(untilMs: number, nowMs: number): string {
  return `migration listener ${untilMs > nowMs ? 'open until' : 'closed since'} ${dateText(untilMs)}`
}

/** A line for each, and below it what is out of the ordinary. */
export function manyText(seen: readonly SidecarState[], nowMs = Date.now()): string {
  const hashes = new Map<string, number>()
  for (const { hash } of seen) if (hash !== '') hashes.set(hash, (hashes.get(hash) ?? 0) + 1)
  const rows = seen.map((one) => [
    one.name,
    painted(one),
    endsSoon(one, nowMs) ? paint('red', leftText(one, nowMs)) : leftText(one, nowMs),
    String(one.generation ?? '').padStart(3),
    one.mode,
    refusedText(one, 1),
  ])
  const head = ['sidecar', 'state', 'left', 'gen', 'policy', 'refused']
  const remarks = seen.flatMap((one) => {
    const said = notes(one, nowMs)
    return said.length === 0 ? [] : wrap(`${one.name}: ${said.join('; ')}`, textWidth())
  })
  const ready = seen.filter(({ state }) => state === 'ready').length
  const sum = `${ready} of ${seen.length} ready, ${hashes.size} ${hashes.size === 1 ? 'policy' : 'policies'} in force`
  const body = remarks.length === 0 ? '' : `\n${remarks.join('\n')}\n`
  return `${table([head, ...rows])}${body}\n${sum}\n`
}

function painted({ state }: SidecarState): string {
  return paint(state === 'ready' ? 'green' : state === 'no answer' ? 'red' : 'yellow', state)
}
