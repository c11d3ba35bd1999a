import { bashScript } from './completion/bash.ts'
import { fishScript } from './completion/fish.ts'
import { type KnownVerb, knownVerbs } from './completion/known-verbs.ts'
import { zshScript } from './completion/zsh.ts'
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
