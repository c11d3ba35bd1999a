import type { StatusFacts } from '../../observe/status/facts.ts'
import {
  askedText,
  auditText,
  callsText,
  dateText,
  migrationText,
  oftenText,
  processText,
  spanText,
  tokensText,
  urgency,
  when,
  whoText,
} from '../../observe/status/words.ts'
import { counted, paint, table, textWidth, wrap } from '../terminal.ts'

const MOST_ROWS = 8
/** The width of the longest label, `certificate`. */
const LABEL_WIDTH = 11

/** The facts, as wide as the terminal. */
export function statusText(facts: StatusFacts): string {
  const { nowMs, policy, certificate } = facts
  const { notBeforeMs, notAfterMs } = certificate
  const colour = { fine: 'green', soon: 'yellow', over: 'red' } as const
  const left = paint(
    colour[urgency(notBeforeMs, notAfterMs, nowMs)],
    notAfterMs > nowMs ? `${spanText(notAfterMs - nowMs)} left` : 'OVER',
  )
  const rows = [
    ['module', `${facts.module} on ${facts.host}, up for ${spanText(nowMs - facts.startedMs)}`],
    ['state', state(facts)],
    ['identity', certificate.uri],
    ['certificate', `${left}, until ${dateText(notAfterMs)}, generation ${certificate.generation}`],
    ['trusts', facts.roots.map(({ subject }) => subject).join(', ')],
    ['policy', `${policy.mode}, ${policy.descriptors} descriptors, ${policy.hash.slice(0, 12)}`],
    ['now', rates(facts)],
    // Sidecars of earlier versions do not give it.
    ...(facts.process === undefined ? [] : [['process', processText(facts.process)]]),
    ...(facts.concurrency === null ? [] : [['calls', callsText(facts.concurrency)]]),
    ...(facts.tokens === null ? [] : [['tokens', tokensText(facts.tokens)]]),
    ...(facts.audit === null ? [] : [['audit', auditText(facts.audit)]]),
    ...(facts.log.lost === 0 ? [] : [['log', `${facts.log.lost} lines lost since the start`]]),
    ...facts.workers.map(({ connections, exchanges }, i) => [
      `thread ${i + 1}`,
      `${counted(exchanges, 'exchange')} since the start, ${counted(connections, 'connection')}`,
    ]),
  ]
  const room = textWidth() - LABEL_WIDTH - 2
  const head = table(
    rows.flatMap(([label = '', text = '']) =>
      wrap(text, room).map((line, i) => [(i === 0 ? label : '').padEnd(LABEL_WIDTH), line]),
    ),
  )
  return `${head}${remarks(facts)}\n${peers(facts)}\n${overShare(facts)}${refusals(facts)}`
}

function state({ ready, draining, awaiting }: StatusFacts): string {
  if (draining) return paint('yellow', 'draining')
  return ready ? paint('green', 'ready') : paint('red', `waiting for ${awaiting.join(', ')}`)
}

function rates({ slices, openConnections, openExchanges }: StatusFacts): string {
  const last = slices.slice(-6)
  const sum = (of: (slice: (typeof last)[number]) => number) =>
    last.reduce((total, slice) => total + of(slice), 0)
  const exchanges = sum((slice) => slice.exchanges)
  const mean = exchanges === 0 ? 0 : sum((slice) => slice.meanMs * slice.exchanges) / exchanges
  const refused = sum((slice) => slice.refused)
  return `${counted(exchanges, 'exchange')} in a minute, ${refused} refused, mean ${duration(mean)}, ${underWay(openExchanges)}${counted(openConnections, 'connection')}`
}

/** Counts of exchanges include only finished ones: without this a slow module would look idle. */
function underWay(open: number | undefined): string {
  return open === undefined ? '' : `${open} under way, `
}

/** Seconds for long durations, which are easier to read. */
function duration(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(1)} ms` : `${Math.round(ms / 1000)} s`
}

function remarks(facts: StatusFacts): string {
  const lines = Object.entries(facts.remarks).map(([about, words]) => `${about}: ${words}\n`)
  if (facts.plainBeyondLoopback !== null) {
    lines.push(`plain HTTP may leave loopback: ${facts.plainBeyondLoopback}\n`)
  }
  if (facts.migration !== null) lines.push(`${migrationText(facts.migration)}\n`)
  const narrow = lines.flatMap((line) => wrap(line.trimEnd(), textWidth()))
  return narrow.map((line) => `${paint('red', line)}\n`).join('')
}

function peers({ peers: list, nowMs }: StatusFacts): string {
  if (list.length === 0) return 'No calls since the start.\n'
  const rows = list
    .slice(0, MOST_ROWS)
    .map(({ name, exchanges, refused, lastMs }) => [
      name,
      String(exchanges).padStart(9),
      String(refused).padStart(7),
      when(lastMs, nowMs),
    ])
  const more = list.length > MOST_ROWS ? `and ${list.length - MOST_ROWS} more\n` : ''
  return `${table([['peer', 'exchanges', 'refused', 'last'], ...rows])}${more}`
}

/** Only if there are any. */
function overShare({ overShare: list, nowMs }: StatusFacts): string {
  if (list.length === 0) return ''
  const rows = list
    .slice(0, MOST_ROWS)
    .map(({ name, limit, times, lastMs }) => [
      name,
      limit,
      String(times).padStart(8),
      when(lastMs, nowMs),
    ])
  return `${table([['over its share', 'limit', 'too-many', 'last'], ...rows])}\n`
}

function refusals({ refusals: list, nowMs }: StatusFacts): string {
  if (list.length === 0) return 'Nothing was refused since the start.\n'
  const rows = list.slice(0, MOST_ROWS).map((one) => {
    const often = oftenText(one) === '' ? '' : `, ${oftenText(one)}`
    const would = one.passed ? 'would be ' : ''
    const request = one.requestId === '' ? [] : [`requestId ${one.requestId}`]
    const said = [`${whoText(one)}: ${askedText(one)}`, ...wrap(one.because, textWidth() - 4)]
    const lines = [...said, ...request].map((line) => `    ${line}\n`)
    return `${when(one.timeMs, nowMs)}${often}  ${would}${paint('bold', one.reason)}\n${lines.join('')}`
  })
  return `Last refusals\n${rows.join('')}`
}
