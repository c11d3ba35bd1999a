import type { Difference, TrustDifference } from '../../analysis/difference.ts'
import { type Opening, partText, routeText } from '../../analysis/opening.ts'
import { type Trusted, trustText } from '../../policy/descriptor-trust.ts'
import { paint, textWidth, wrap } from '../terminal.ts'

/** What was compared, as typed. */
interface Names {
  readonly a: string
  readonly b: string
}

/** For a person, as wide as the terminal: callers with the same changes are combined. */
export function differenceText(difference: Difference & TrustDifference, { a, b }: Names): string {
  const { opens, closes, trusts, trustsNoMore } = difference
  const counts = `${counted(opens.length, 'more opening')}, ${closes.length} fewer`
  const head = [`from ${a}`, `to   ${b}`, counts].map((line) => `${line}\n`).join('')
  const trusted = trustBlock('TRUSTED WITH USERS AND THEIR TOKENS FROM NOW ON', 'red', trusts)
  const noMore = trustBlock('no longer trusted with users and their tokens', 'green', trustsNoMore)
  const more = blocks(opens, 'opens to', paint('red', '+'))
  const fewer = blocks(closes, 'closes to', paint('green', '-'))
  return `${head}${trusted}${more}${noMore}${fewer}`
}

/** Trust that no grant and no route shows; it comes before everything else. */
function trustBlock(title: string, color: 'red' | 'green', all: readonly Trusted[]): string {
  if (all.length === 0) return ''
  const lines = all.flatMap((trusted) => {
    const { module, file, pointer } = trusted
    const text = `${module} ${trustText(trusted)} (${file}#${pointer})`
    return wrap(text, textWidth() - 6).map((line, i) =>
      i === 0 ? `  ${paint(color, color === 'red' ? '!' : '-')} ${line}` : `      ${line}`,
    )
  })
  return `\n${paint('bold', paint(color, title))}\n${lines.map((line) => `${line}\n`).join('')}`
}

/** The same as one JSON document. */
export function differenceJson(difference: Difference & TrustDifference, names: Names): string {
  return `${JSON.stringify({ ...names, ...difference }, null, 2)}\n`
}

function blocks(openings: readonly Opening[], verb: string, sign: string): string {
  const callers = [...Map.groupBy(openings, ({ caller }) => caller).values()]
  const alike = Map.groupBy(callers, (own) => linesOf([own], sign, kindsOnly).join('\n'))
  return [...alike.values()]
    .map((group) => {
      const names = group.map(([first]) => first!.caller).join(', ')
      const title = wrap(`${verb} ${names}`, textWidth() - 2).map((line, i) =>
        i === 0 ? line : `  ${line}`,
      )
      const lines = linesOf(group, sign, reasons).map((line) => `${line}\n`)
      return `\n${paint('bold', title.join('\n'))}\n${lines.join('')}`
    })
    .join('')
}

type Reasons = (openings: readonly Opening[]) => string[]

/** The routes of the first caller; all have the same. */
function linesOf(group: readonly (readonly Opening[])[], sign: string, why: Reasons): string[] {
  const parts = Map.groupBy(group.flat(), partOf)
  return [...Map.groupBy(group[0]!, partOf)].flatMap(([part, routes]) => [
    `  ${part}${placeText(routes[0]!)}`,
    ...routes.map((opening) => `    ${sign} ${routeText(opening)}`),
    ...why(parts.get(part)!),
  ])
}

function partOf(opening: Opening): string {
  return `${partText(opening)} of ${opening.provider}`
}

function placeText({ at, caller }: Opening): string {
  return at === 'okapi' || caller === 'okapi' ? '' : ', past Okapi'
}

/** The rules, except those that every route of the interface has anyway. */
function reasons(openings: readonly Opening[]): string[] {
  const byKind = Map.groupBy(told(openings), ({ rule, why }) =>
    why === null ? rule.kind : `grant: ${why}`,
  )
  return [...byKind].flatMap(([kind, group]) => {
    const places = new Set(group.map(({ rule }) => `${rule.file ?? ''}#${rule.pointer ?? ''}`))
    const text = `by ${kind}${group[0]!.rule.file === null ? '' : `, ${[...places].join(', ')}`}`
    return wrap(text, textWidth() - 8).map((line, i) => `${i === 0 ? '      ' : '        '}${line}`)
  })
}

function kindsOnly(openings: readonly Opening[]): string[] {
  return [...new Set(told(openings).map(({ rule, why }) => `${rule.kind} ${why}`))]
}

function told(openings: readonly Opening[]): readonly Opening[] {
  return openings.filter(
    ({ rule, caller }) => caller !== 'okapi' && !['default', 'system'].includes(rule.kind),
  )
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
