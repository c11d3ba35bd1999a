import type { KnownVerb } from './known-verbs.ts'

/** The script of bash. */
export function bashScript(verbs: readonly KnownVerb[]): string {
  const cases = verbs.map(({ verb, subcommands, options }) => {
    const names = options.map(({ name }) => name).join(' ')
    return `    ${verb}) subcommands='${subcommands.join(' ')}' options='${names}' ;;`
  })
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
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _okapi_sidecar okapi-sidecar
`
}
