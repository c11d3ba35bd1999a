import type { BlastRadius, ReachedModule } from '../../analysis/blast-radius.ts'
import { paint, textWidth, wrap } from '../terminal.ts'

/** For a person, as wide as the terminal. */
export function blastText(radius: BlastRadius): string {
  const { module, direct, forwarded, indirect, beyond, callers, tenants, notes } = radius
  const routes = direct.reduce((sum, one) => sum + one.routes, 0)
  const blocks = [
    block(`directly: ${modules(direct.length)}, ${routes} routes`, direct.flatMap(detail)),
    block(
      `through generic forwarders, any call: ${modules(forwarded.length)}`,
      forwarded.flatMap(withPath),
    ),
    block(
      `through other modules, as far as their code allows: ${modules(indirect.length)}`,
      indirect.flatMap(withPath),
    ),
    block(`out of reach: ${modules(beyond.length)}`, listed(beyond)),
    block(`called by: ${callers.length}`, listed(callers)),
    block(
      'for tenants',
      tenants.flatMap((line) => indented(line, 2)),
    ),
    block(
      'mind',
      notes.flatMap((note) => indented(note, 2)),
    ),
  ]
  return `blast radius: an attacker who controls ${module} reaches\n\n${blocks.join('\n')}`
}

/** The same as one JSON document. */
export function blastJson(radius: BlastRadius): string {
  return `${JSON.stringify(radius, null, 2)}\n`
}

function block(title: string, lines: readonly string[]): string {
  return [paint('bold', title), ...lines].map((line) => `${line}\n`).join('')
}

function detail({ provider, routes, interfaces, forwards }: ReachedModule): string[] {
  const what = interfaces.length === 0 ? '' : `: ${interfaces.join(', ')}`
  const lines = indented(`${provider}, ${routes} route${routes === 1 ? '' : 's'}${what}`, 2)
  return forwards === null ? lines : [...lines, ...indented(`generic forwarder, ${forwards}`, 6)]
}

function withPath({ path, forwards }: ReachedModule): string[] {
  const way = path.slice(1, -1).join(' > ')
  const lines = indented(`${path.at(-1)} by ${way}`, 2)
  return forwards === null ? lines : [...lines, ...indented(`generic forwarder, ${forwards}`, 6)]
}

function indented(text: string, by: number): string[] {
  const lines = wrap(text, textWidth() - by - 2)
  return lines.map((line, i) => `${' '.repeat(i === 0 ? by : by + 2)}${line}`)
}

function listed(names: readonly string[]): string[] {
  return wrap(names.join(', '), textWidth() - 2).map((line) => `  ${line}`)
}

function modules(count: number): string {
  return `${count} module${count === 1 ? '' : 's'}`
}
