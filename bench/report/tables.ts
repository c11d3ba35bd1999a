import { median } from '../stats.ts'
import { figure, megabytes, ratio, whole } from './numbers.ts'
import type { Idle, Row } from './rows.ts'

type Cells = readonly string[]

/** Columns as wide as their widest cell: the first to the left, numbers to the right. */
export function columns(head: Cells, rows: readonly Cells[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)))
  const line = (row: Cells) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  return all.map((row) => `${line(row).trimEnd()}\n`).join('')
}

/** CPU and latency of each candidate under each load. */
export function loadTable(rows: readonly Row[]): string {
  const head = [
    'load',
    'candidate',
    'CPU us',
    '/nginx',
    'spread',
    'p50 us',
    'p99 us',
    'req/s',
    'MB',
  ]
  return columns(
    head,
    rows.map((row, i) => [
      rows[i - 1]?.scenario === row.scenario ? '' : row.scenario,
      row.candidate,
      figure(row.cpuMicrosPerRequest),
      ratio(row.ratioToNginx ?? undefined),
      row.ratioSpread === null
        ? ''
        : `${ratio(row.ratioSpread.least)}-${ratio(row.ratioSpread.most)}`,
      whole(row.p50Micros),
      whole(row.p99Micros),
      whole(row.requestsPerSecond),
      megabytes(row.rssLoadedBytes).replace(/\.\d$/, ''),
    ]),
  )
}

/** Start and memory of one process of each kind, before any load. */
export function startTable(starts: ReadonlyMap<string, Idle>): string {
  return columns(
    ['one process, idle', '', 'ready ms', 'RSS MB', 'private MB'],
    [...starts].map(([name, { readyMs, rssBytes, privateBytes }]) => [
      name,
      '',
      median(readyMs).toFixed(0),
      megabytes(rssBytes),
      megabytes(privateBytes),
    ]),
  )
}
