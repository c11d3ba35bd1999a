import { stripVTControlCharacters } from 'node:util'
import { dateText, spanText, urgency } from '../../observe/status/words.ts'
import { columns, counted, elided, paint, table, textWidth, wrap } from '../terminal.ts'
import type { SidecarState } from './asking.ts'

/** The limit if a certificate's lifetime is not known, as in the chart's alert. */
const SOON_MS = 6 * 3_600_000
const RANK = { 'no answer': 0, waiting: 1, draining: 2, ready: 5 } as const
/** Minimum width of a table's first column, even on a narrow terminal. */
const NARROWEST_NAME = 24
/** Maximum number of sidecars named for a common remark. */
const MOST_NAMES = 3

/** Problems first: without an answer, not ready, with a certificate that expires soon or a remark, then by name. */
export function worst(seen: readonly SidecarState[], nowMs = Date.now()): readonly SidecarState[] {
  const rank = (one: SidecarState) => {
    if (one.state !== 'ready') return RANK[one.state]
    return endsSoon(one, nowMs) ? 3 : one.remarks.length > 0 ? 4 : RANK.ready
  }
  return [...seen].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}

/** Does the certificate need attention, because it should have been renewed? */
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

/** How long the certificate is still valid. */
export function leftText({ certificateEndsMs }: SidecarState, nowMs: number): string {
  if (certificateEndsMs === null) return ''
  return certificateEndsMs > nowMs ? spanText(certificateEndsMs - nowMs) : 'OVER'
}

/** The most frequent reasons. */
export function refusedText({ refusals }: SidecarState, most: number): string {
  const shown = refusals.slice(0, most).map(([reason, count]) => `${count} ${reason}`)
  return refusals.length > most ? `${shown.join(', ')}, ...` : shown.join(', ')
}

/** Unusual facts, one sentence each. */
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

/** A line for each, with unusual facts below. */
export function manyText(seen: readonly SidecarState[], nowMs = Date.now()): string {
  const hashes = new Set(seen.map(({ hash }) => hash).filter((hash) => hash !== ''))
  const remarks = together(seen, nowMs).flatMap((line) => wrap(line, textWidth()))
  const ready = seen.filter(({ state }) => state === 'ready').length
  const remarked = seen.filter((one) => notes(one, nowMs).length > 0).length
  const sum = [
    `${ready} of ${seen.length} ready`,
    ...(remarked === 0 ? [] : [`${remarked} with remarks`]),
    `${hashes.size} ${hashes.size === 1 ? 'policy' : 'policies'} in force`,
  ]
  const versions = [...versionsOf(seen)]
  if (versions.length > 1) {
    remarks.push(...versions.flatMap((line) => wrap(line, textWidth())))
  }
  const body = remarks.length === 0 ? '' : `\n${remarks.join('\n')}\n`
  return `${stateTable(seen, nowMs)}${body}\n${sum.join(', ')}\n`
}

/** Refusals are on a line of their own where the longest name leaves no room for them. */
function stateTable(seen: readonly SidecarState[], nowMs: number): string {
  const cells = seen.map((one) => [
    painted(one),
    endsSoon(one, nowMs) ? paint('red', leftText(one, nowMs)) : leftText(one, nowMs),
    String(one.generation ?? '').padStart(3),
    String(one.openExchanges ?? '').padStart(4),
    one.mode,
  ])
  const head = ['state', 'left', 'gen', 'open', 'policy']
  const refused = seen.map((one) => refusedText(one, 1))
  const beside = table([[...head, 'refused'], ...cells.map((row, i) => [...row, refused[i]!])])
  const longest = Math.max(...seen.map(({ name }) => name.length))
  if (longest + 2 + shownWidth(beside) <= columns()) {
    const rows = cells.map((row, i) => [seen[i]!.name, ...row, refused[i]!])
    return table([['sidecar', ...head, 'refused'], ...rows])
  }
  const room = Math.max(NARROWEST_NAME, columns() - shownWidth(table([head, ...cells])) - 2)
  const rows = cells.map((row, i) => [elided(seen[i]!.name, room), ...row])
  const [title, ...lines] = table([['sidecar', ...head], ...rows]).split('\n')
  const below = (text: string) => (text === '' ? [] : [`    refused: ${text}`])
  return [title, ...seen.flatMap((_, i) => [lines[i]!, ...below(refused[i]!)]), ''].join('\n')
}

/** Which sidecars run which version: of interest while they are upgraded. */
function versionsOf(seen: readonly SidecarState[]): readonly string[] {
  const told = seen.filter(({ version }) => version !== '')
  return [...Map.groupBy(told, ({ version }) => version)].map(
    ([version, those]) => `version ${version}: ${someOf(those.map(({ name }) => name))}`,
  )
}

function shownWidth(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split('\n')
      .map((line) => line.length),
  )
}

/** Common remarks are printed once: an expired list would give the same sentence 80 times. */
function together(seen: readonly SidecarState[], nowMs: number): readonly string[] {
  const byNote = new Map<string, string[]>()
  for (const one of seen) {
    for (const note of notes(one, nowMs)) {
      byNote.set(note, [...(byNote.get(note) ?? []), elided(one.name, textWidth())])
    }
  }
  return [...byNote].map(([note, names]) => {
    if (names.length <= MOST_NAMES) return `${names.join(', ')}: ${note}`
    return `${counted(names.length, 'sidecar')} (${someOf(names)}): ${note}`
  })
}

function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ')
}

function painted({ state }: SidecarState): string {
  return paint(state === 'ready' ? 'green' : state === 'no answer' ? 'red' : 'yellow', state)
}
