import type { Verbs } from '../verb.ts'

/** What a shell may complete behind one verb. */
export interface KnownVerb {
  readonly verb: string
  readonly summary: string
  readonly subcommands: readonly string[]
  readonly options: readonly KnownOption[]
}

/** `--grants`, and whether a value follows it. */
export interface KnownOption {
  readonly name: string
  readonly takesValue: boolean
}

/** Every verb with what may follow it, read from the table of verbs and their usage texts. */
export async function knownVerbs(verbs: Verbs): Promise<readonly KnownVerb[]> {
  const known = Object.entries(verbs).map(async ([verb, { summary, load }]) => {
    const { usage, subcommands = [] } = await load()
    return { verb, summary, subcommands, options: optionsIn(usage) }
  })
  const help = {
    verb: 'help',
    summary: 'what a verb takes',
    subcommands: Object.keys(verbs),
    options: [],
  }
  return [...(await Promise.all(known)), help]
}

/** In a usage text a value is written in capitals, or as an example that begins with a digit. */
function optionsIn(usage: string): readonly KnownOption[] {
  const found = new Map<string, boolean>([['--help', false]])
  for (const [, name = '', value] of usage.matchAll(/(--[a-z][a-z0-9-]*)( [A-Z0-9])?/g)) {
    found.set(name, (found.get(name) ?? false) || value !== undefined)
  }
  return [...found].map(([name, takesValue]) => ({ name, takesValue }))
}
