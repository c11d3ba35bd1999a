import { fault } from '../fault.ts'

/** The usage text of `policy` and all its words. */
export const usage = `okapi-sidecar policy: question the allow-list

Usage:
    okapi-sidecar policy explain SOURCE --caller WHO --at WHERE --method METHOD
                                 --path TARGET [--tenant T] [--module-id ID]
                                 [--json]
    okapi-sidecar policy pack DIR -o FILE [--for MODULE_ID|okapi]
                                 [--grants FILE]

SOURCE is -c FILE, the configuration of a sidecar, or --descriptors PATH with an
optional --grants FILE. PATH is a folder of ModuleDescriptors or a packed file.

explain says whether a call would pass, by which rule, and what would allow it.
WHO is a full module id (mod-notes-8.1.0), operator/NAME, client/NAME, public or
none. WHERE says whose ingress decides: okapi, a full module id, or a product of
which one version is installed. Without --tenant the tenant is not judged;
--module-id is X-Okapi-Module-Id. Exit 0 allowed, 1 refused, 2 wrong usage.

pack cuts a folder of descriptors to what policy reads, in one file that
policy.descriptors takes: the raw files are larger than a ConfigMap may be.
--for keeps what that module's sidecar needs, --grants what these open to it.

Example:
    okapi-sidecar policy explain --descriptors descriptors --at okapi \\
        --caller mod-notes-8.1.0 --method GET --path /users/42
    okapi-sidecar policy pack descriptors -o installed.json
`

interface Word {
  run(argv: readonly string[]): Promise<number>
}

const WORDS: Readonly<Record<string, () => Promise<Word>>> = {
  explain: () => import('./policy/explain.ts'),
  matrix: () => import('./policy/matrix.ts'),
  diff: () => import('./policy/diff.ts'),
  suggest: () => import('./policy/suggest.ts'),
  pack: () => import('./policy/pack.ts'),
}

/** Finds the word and runs it; throws a Fault for one that does not exist. */
export async function run([word, ...rest]: readonly string[]): Promise<number> {
  const load = word !== undefined && Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
  if (load !== undefined) return (await load()).run(rest)
  const known = Object.keys(WORDS).join(', ')
  const message = word === undefined ? 'policy what?' : `there is no \`policy ${word}\``
  throw fault(message, { hint: `the words are ${known}; okapi-sidecar help policy explains them` })
}
