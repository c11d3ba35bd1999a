import { runSubcommand, type Subcommands } from './verb.ts'

/** The usage text of `audit`. */
export const usage = `okapi-sidecar audit: has the audit trail been changed?

Usage:
    okapi-sidecar audit verify FILE... [--head SEQ:HASH]... [--heads LOG]...
                               [--among-others] [--json]

Reads the files of one audit trail, the oldest first, and checks every entry
against the chain: a line that was changed, removed, moved, duplicated or added
is reported with its file and line. FILE may be -, standard input.

An attacker with write access can rewrite the whole file, or cut off its end. So
keep heads elsewhere: a sidecar logs its head every ten minutes and when it
stops ("msg":"audit head"), and shows it on the status page. The entry with that
number must then exist and have that hash.

Options:
        --head SEQ:HASH   an entry that must be there; may be repeated
        --heads LOG       a log of the sidecar: all heads in it must be there
        --among-others    skip other lines between the entries, as with
                          audit.to: stdout, where each start of the sidecar
                          begins a new chain
        --json            what was found as JSON

Exit codes: 0 nothing was changed, 1 something is wrong, 2 wrong usage, or a
file that cannot be read

Example:
    okapi-sidecar audit verify audit.log.2 audit.log.1 audit.log
    okapi-sidecar audit verify audit.log --heads sidecar.log
    kubectl logs mod-users-0 -c okapi-sidecar |
        okapi-sidecar audit verify --among-others -
`

const SUBCOMMANDS: Subcommands = {
  verify: () => import('./audit/verify.ts'),
}

/** Their names, for completion. */
export const subcommands = Object.keys(SUBCOMMANDS)

/** Finds the subcommand and runs it; throws a Fault for one that does not exist. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('audit', SUBCOMMANDS, argv)
}
