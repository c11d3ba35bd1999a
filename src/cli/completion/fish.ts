import type { KnownVerb } from './known-verbs.ts'

const COMMAND = 'complete -c okapi-sidecar'

/** The script of fish. */
export function fishScript(verbs: readonly KnownVerb[]): string {
  const lines = [
    '# okapi-sidecar completion fish',
    `${COMMAND} -n __fish_use_subcommand -f -l help`,
    `${COMMAND} -n __fish_use_subcommand -f -l version`,
    ...verbs.flatMap(linesOf),
  ]
  return `${lines.join('\n')}\n`
}

function linesOf({ verb, summary, subcommands, options }: KnownVerb): string[] {
  const seen = `__fish_seen_subcommand_from ${verb}`
  const first = `${COMMAND} -n __fish_use_subcommand -f -a ${verb} -d ${quoted(summary)}`
  // The verb is the second token: `-c` counts those before the cursor.
  const second = `test (count (commandline -opc)) -eq 2; and ${seen}`
  return [
    first,
    ...(subcommands.length === 0
      ? []
      : [`${COMMAND} -n ${quoted(second)} -f -a ${quoted(subcommands.join(' '))}`]),
    ...options.map(
      ({ name, takesValue }) =>
        `${COMMAND} -n ${quoted(seen)} -l ${name.slice(2)}${takesValue ? ' -r' : ''}`,
    ),
  ]
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
