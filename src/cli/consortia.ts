import { runSubcommand, type Subcommands } from './verb.ts'

/** The usage text of `consortia` and its subcommands. */
export const usage = `okapi-sidecar consortia: which tenants belong together

Usage:
    okapi-sidecar consortia fetch --okapi URL --tenant T --out FILE
                            [--from consortia|user-tenants]
                            [--credentials DIR] [--token-file FILE]

fetch writes the file that \`policy.consortia\` names: the consortium of tenant T,
as mod-consortia has it (GET /consortia, /consortia/{id}/tenants), or with
--from user-tenants as the users of mod-users show it. Other consortia in FILE
and the rules under \`cross\` stay unchanged, comments included. A file that no
sidecar would accept is not written.

Options:
        --okapi URL         http:// on loopback, or Okapi's sidecar by https://
        --tenant T          the central tenant
    -o, --out FILE          the file of consortia; created if it is missing
        --from SOURCE       consortia (default), or user-tenants
        --credentials DIR   an operator's certificate, for https://
        --token-file FILE   a token of tenant T

The operator needs grants at Okapi's sidecar: interface consortia, or users.

Exit codes: 0 fine, 2 wrong usage, or Okapi answered something else

Example:
    okapi-sidecar consortia fetch --okapi http://127.0.0.1:9130 --tenant east \\
        --token-file token --out consortia.yaml
`

const SUBCOMMANDS: Subcommands = {
  fetch: () => import('./consortia/fetch.ts'),
}

/** Their names, for completion. */
export const subcommands = Object.keys(SUBCOMMANDS)

/** Finds the subcommand and runs it; throws a Fault for one that does not exist. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('consortia', SUBCOMMANDS, argv)
}
