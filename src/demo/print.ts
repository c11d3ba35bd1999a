import { stripVTControlCharacters, styleText } from 'node:util'
import type { HonestCall } from './hops.ts'
import { asExpected, type Trial } from './rogue.ts'
import type { Upgrade } from './upgrade.ts'

type Style = Parameters<typeof styleText>[0]
type Paint = (style: Style, text: string) => string

const TITLE = 40
const OUTCOME = 12

/** Colours only if standard output is a terminal that supports them. */
const paintStdout: Paint = (style, text) => styleText(style, text, { stream: process.stdout })

/** The honest call, one line for each hop: the authenticated identity and the request. */
export function callText({ path, status, hops }: HonestCall): string {
  const head = `An ordinary call: GET ${path.slice(0, 20)}… returns ${status}.\n`
  if (hops.length === 0) return head
  const caller = Math.max(...hops.map((hop) => hop.caller.length))
  const at = Math.max(...hops.map((hop) => hop.at.length))
  const lines = hops.map(
    (hop) =>
      `  ${hop.caller.padEnd(caller)} → ${hop.at.padEnd(at)}  ${hop.status}  ${hop.method} ${hop.route}\n`,
  )
  return `${head}Every hop as its receiver logged it, with the identity that the caller proved:\n\n${lines.join('')}`
}

/** What was tried, what happened and why, 80 columns wide, grouped by target. */
export function trialsText(trials: readonly Trial[], color: Paint = paintStdout): string {
  let text = ''
  let target = ''
  for (const trial of trials) {
    if (trial.target !== target) text += `\n  ${color('bold', `at ${trial.target}`)}\n`
    target = trial.target
    text += row(trial, color)
  }
  return text.slice(1)
}

function row(trial: Trial, color: Paint): string {
  const { title, outcome, reason, note } = trial
  const right = asExpected(trial)
  const style = right ? (outcome === 'blocked' ? 'green' : 'yellow') : 'red'
  const what = color(style, outcome.padEnd(OUTCOME))
  const line = `  ${title.padEnd(TITLE)}${what}${reason ?? note}\n`
  return right ? line : `${line}    ${color('red', complaint(trial))}\n`
}

function complaint({ expected, outcome, because, arrived }: Trial): string {
  if (outcome !== expected) return `expected: ${expected}; ${because}`
  const what = arrived === 1 ? '1 message' : `${arrived} messages`
  return `${what} arrived behind the sidecar, expected: none`
}

/** The summary in one sentence. */
export function resultText(trials: readonly Trial[], color: Paint = paintStdout): string {
  const wrong = trials.filter((trial) => !asExpected(trial)).length
  const through = trials.filter(({ outcome }) => outcome === 'got-through').length
  if (wrong > 0)
    return `${color('red', `Result: not as expected (${wrong} of ${trials.length}).`)}\n`
  const few = through === 1 ? 'one' : through
  const bare = `${few} got through, where no sidecar is`
  return `${trials.length} tries, ${trials.length - through} blocked; ${bare}. Result: as expected.\n`
}

/** What an upgrade would open, as `policy diff` printed it. */
export function upgradeText({ from, to, command, said, named, route }: Upgrade): string {
  const told = said.trimEnd().split('\n')
  const wrong = named ? '' : `\n${paintStdout('red', `expected: ${route}`)}\n`
  return `What would the upgrade from ${from} to ${to} open?

  $ ${command}

${told.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}
${wrong}`
}

/** The widest line, without its colours; the table must fit a terminal of 80 columns. */
export function width(text: string): number {
  const lines = stripVTControlCharacters(text).split('\n')
  return Math.max(...lines.map((line) => line.length))
}

/** Shows progress. On a terminal the line is overwritten; elsewhere it stays. */
export interface ProgressLine {
  tell(doing: string): void
  /** Clears the line, so that the output begins at the line's start. */
  done(): void
}

/** Prints nothing if `quiet`, and no control characters without a terminal. */
export function progressLine(stream: NodeJS.WriteStream, quiet: boolean): ProgressLine {
  if (stream.isTTY) {
    return {
      tell: (doing) => stream.write(`\r\x1b[K${doing} …`),
      done: () => stream.write('\r\x1b[K'),
    }
  }
  return {
    tell: (doing) => {
      if (!quiet) stream.write(`${doing} …\n`)
    },
    done: () => undefined,
  }
}
