import { nearest } from '../fault/nearest.ts'
import { type Fault, fault } from '../fault.ts'

/** The exports of every verb's file: its usage text, and one function that parses and runs. */
export interface Verb {
  /** Wrapped by hand at 80 columns, with an example that can be copied. */
  readonly usage: string
  /** What may follow the verb, for completion. */
  readonly subcommands?: readonly string[]
  /** What may follow a subcommand, for completion. */
  readonly steps?: Readonly<Record<string, readonly string[]>>
  /**
   * Resolves to the exit code: 0 fine, 1 the answer is no, 2 wrong usage or configuration. `verbs`: all
   * that exist, for completion.
   */
  run(argv: readonly string[], verbs: Verbs): Promise<number>
}

/** Every verb by its name, loaded only when it is called. */
export type Verbs = Readonly<Record<string, VerbEntry>>

interface VerbEntry {
  readonly summary: string
  readonly load: () => Promise<Verb>
}

interface Subcommand {
  run(argv: readonly string[]): Promise<number>
}

/** What may follow a verb, each loaded only when it is called. */
export type Subcommands = Readonly<Record<string, () => Promise<Subcommand>>>

/** Runs the subcommand that `argv` begins with; throws a Fault for one that does not exist. */
export async function runSubcommand(
  verb: string,
  subcommands: Subcommands,
  [name, ...rest]: readonly string[],
): Promise<number> {
  const load =
    name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
  if (load !== undefined) return (await load()).run(rest)
  const known = Object.keys(subcommands)
  if (name !== undefined && !name.startsWith('-')) {
    throw mistyped(`there is no \`${verb} ${name}\``, name, known)
  }
  const hint = `okapi-sidecar help ${verb} shows what each does`
  throw fault(`missing subcommand: ${known.join(', ')}`, { hint })
}

/** A Fault for a mistyped name, with the nearest existing one. */
export function mistyped(message: string, name: string, known: readonly string[]): Fault {
  const near = nearest(name, known)
  return fault(message, {
    hint: near === undefined ? `one of: ${known.join(', ')}` : `did you mean \`${near}\`?`,
  })
}

/** The value of a required option. Throws a Fault with `hint` if it is missing. */
export function needed(option: string, value: string | undefined, hint: string): string {
  if (value !== undefined && value !== '') return value
  throw fault(`${option} is missing`, { hint })
}
