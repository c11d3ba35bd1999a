import { ALL_REASONS, REASONS, type ReasonEntry } from '../src/refusal/reasons.ts'

const BEGIN = '<!-- reasons: written by `npm run reasons` -->'
const END = '<!-- /reasons -->'

/** The closed table of refusals as Markdown. */
export function reasonsTable(): string {
  const rows = ALL_REASONS.map((reason) => {
    const entry: ReasonEntry = REASONS[reason]
    const statuses = [entry.status, ...(entry.also ?? [])].join(', ')
    return `| \`${reason}\` | ${statuses} | ${entry.sentence} |`
  })
  return ['| reason | status | what it says |', '| --- | --- | --- |', ...rows].join('\n')
}

/** `text` with the table between its two markers. */
export function withTable(text: string, table: string): string {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin === -1 || end < begin)
    throw new Error('the markers of the table of reasons are missing')
  return `${text.slice(0, begin)}${BEGIN}\n\n${table}\n\n${text.slice(end)}`
}
