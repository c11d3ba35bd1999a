import { nearest } from '../fault/nearest.ts'
import { type Fault, fault } from '../fault.ts'

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
    throw notThere(`there is no \`${verb} ${name}\``, name, known)
  }
  const hint = `okapi-sidecar help ${verb} shows what each does`
  throw fault(`missing subcommand: ${known.join(', ')}`, { hint })
}

/** A name that was mistyped, with the nearest of those that exist. */
export function notThere(message: string, name: string, known: readonly string[]): Fault {
  const near = nearest(name, known)
  return fault(message, {
    hint: near === undefined ? `one of: ${known.join(', ')}` : `did you mean \`${near}\`?`,
  })
}
