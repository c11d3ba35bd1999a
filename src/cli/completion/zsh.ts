import type { KnownVerb } from './known-verbs.ts'

/** The script of zsh. */
export function zshScript(verbs: readonly KnownVerb[]): string {
  const described = verbs.map(({ verb, summary }) => `    ${quoted(`${verb}:${summary}`)}`)
  const cases = verbs.map(({ verb, subcommands, options }) => {
    const names = options.map(({ name }) => name).join(' ')
    return `    ${verb}) subcommands=(${subcommands.join(' ')}) options=(${names}) ;;`
  })
  return `#compdef okapi-sidecar
# okapi-sidecar completion zsh
_okapi_sidecar() {
  local -a verbs subcommands options
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
  if [[ $PREFIX == -* ]]; then
    compadd -a options
  elif (( CURRENT == 3 && $#subcommands )); then
    compadd -a subcommands
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

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
