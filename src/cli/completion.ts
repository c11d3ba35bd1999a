import { runSubcommand, type Verbs } from './verb.ts'

/** The usage text of `completion`. */
export const usage = `okapi-sidecar completion: complete verbs, subcommands and options in a shell

Usage:
    okapi-sidecar completion bash|zsh|fish

Prints a script for the shell. Other words are completed as file names.

Example:
    source <(okapi-sidecar completion bash)     # in ~/.bashrc
    source <(okapi-sidecar completion zsh)      # in ~/.zshrc, after compinit
    okapi-sidecar completion fish | source      # in ~/.config/fish/config.fish
`

const SHELLS: Readonly<Record<string, (verbs: readonly KnownVerb[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** The shells, for completion. */
export const subcommands = Object.keys(SHELLS)

/** Prints the script of one shell; throws a Fault for another. */
export function run(argv: readonly string[], verbs: Verbs): Promise<number> {
  const shells = Object.entries(SHELLS).map(([shell, script]) => {
    const print = async () => {
      process.stdout.write(script(await knownVerbs(verbs)))
      return 0
    }
    return [shell, async () => ({ run: print })] as const
  })
  return runSubcommand('completion', Object.fromEntries(shells), argv)
}

/** Possible completions after one verb. */
export interface KnownVerb {
  readonly verb: string
  readonly summary: string
  readonly subcommands: readonly string[]
  readonly steps: Readonly<Record<string, readonly string[]>>
  readonly options: readonly KnownOption[]
}

/** `--grants`, and whether a value follows it. */
export interface KnownOption {
  readonly name: string
  readonly takesValue: boolean
}

/** Every verb with its completions, from the table of verbs and their usage texts. */
export async function knownVerbs(verbs: Verbs): Promise<readonly KnownVerb[]> {
  const known = Object.entries(verbs).map(async ([verb, { summary, load }]) => {
    const { usage, subcommands = [], steps = {} } = await load()
    return { verb, summary, subcommands, steps, options: optionsIn(usage) }
  })
  const help = {
    verb: 'help',
    summary: 'what a verb takes',
    subcommands: Object.keys(verbs),
    steps: {},
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

/** Each subcommand that has steps, with its verb. */
function stepsIn(verbs: readonly KnownVerb[]) {
  return verbs.flatMap(({ verb, steps }) =>
    Object.entries(steps).map(([subcommand, words]) => ({ verb, subcommand, words })),
  )
}

/** The script of bash. */
export function bashScript(verbs: readonly KnownVerb[]): string {
  const cases = verbs.map(({ verb, subcommands, options }) => {
    const names = options.map(({ name }) => name).join(' ')
    return `    ${verb}) subcommands='${subcommands.join(' ')}' options='${names}' ;;`
  })
  const steps = stepsIn(verbs).map(
    ({ verb, subcommand, words }) => `      '${verb} ${subcommand}') words='${words.join(' ')}' ;;`,
  )
  return `# okapi-sidecar completion bash
_okapi_sidecar() {
  local current=\${COMP_WORDS[COMP_CWORD]} subcommands='' options=''
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  local words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${[...verbs.map(({ verb }) => verb), '--help', '--version'].join(' ')}'
  elif [[ $current == -* ]]; then
    words=$options
  elif [ "$COMP_CWORD" -eq 2 ]; then
    words=$subcommands
  elif [ "$COMP_CWORD" -eq 3 ]; then
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${steps.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _okapi_sidecar okapi-sidecar
`
}

/** The script of zsh. */
export function zshScript(verbs: readonly KnownVerb[]): string {
  const described = verbs.map(({ verb, summary }) => `    ${zshQuoted(`${verb}:${summary}`)}`)
  const cases = verbs.map(({ verb, subcommands, options }) => {
    const names = options.map(({ name }) => name).join(' ')
    return `    ${verb}) subcommands=(${subcommands.join(' ')}) options=(${names}) ;;`
  })
  const steps = stepsIn(verbs).map(
    ({ verb, subcommand, words }) => `    '${verb} ${subcommand}') steps=(${words.join(' ')}) ;;`,
  )
  return `#compdef okapi-sidecar
# okapi-sidecar completion zsh
_okapi_sidecar() {
  local -a verbs subcommands options steps
  verbs=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -t verbs verb verbs
    compadd -- --help --version
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
  case "$words[2] $words[3]" in
${steps.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then
    compadd -a options
  elif (( CURRENT == 3 && $#subcommands )); then
    compadd -a subcommands
  elif (( CURRENT == 4 && $#steps )); then
    compadd -a steps
  else
    _files
  fi
}
if [[ $funcstack[1] == _okapi_sidecar ]]; then
  _okapi_sidecar "$@"
else
  compdef _okapi_sidecar okapi-sidecar
fi
`
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

const COMMAND = 'complete -c okapi-sidecar'
const SEEN = '__fish_seen_subcommand_from'

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

function linesOf({ verb, summary, subcommands, steps, options }: KnownVerb): string[] {
  const seen = `${SEEN} ${verb}`
  const first = `${COMMAND} -n __fish_use_subcommand -f -a ${verb} -d ${fishQuoted(summary)}`
  // The verb is the second token: `-c` counts those before the cursor.
  const second = `test (count (commandline -opc)) -eq 2; and ${seen}`
  const third = (name: string) =>
    `test (count (commandline -opc)) -eq 3; and ${seen}; and ${SEEN} ${name}`
  return [
    first,
    ...(subcommands.length === 0
      ? []
      : [`${COMMAND} -n ${fishQuoted(second)} -f -a ${fishQuoted(subcommands.join(' '))}`]),
    ...Object.entries(steps).map(
      ([name, words]) =>
        `${COMMAND} -n ${fishQuoted(third(name))} -f -a ${fishQuoted(words.join(' '))}`,
    ),
    ...options.map(
      ({ name, takesValue }) =>
        `${COMMAND} -n ${fishQuoted(seen)} -l ${name.slice(2)}${takesValue ? ' -r' : ''}`,
    ),
  ]
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
