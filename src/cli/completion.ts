import { runSubcommand, type Subcommands } from './subcommand.ts'

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

const SHELLS: Subcommands = {
  bash: () => import('./completion/bash.ts'),
  zsh: () => import('./completion/zsh.ts'),
  fish: () => import('./completion/fish.ts'),
}

/** The shells, for completion. */
export const subcommands = Object.keys(SHELLS)

/** Prints the script of one shell; throws a Fault for another. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('completion', SHELLS, argv)
}
