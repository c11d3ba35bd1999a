import { fault } from '../fault.ts'

/** The usage text of `policy` and all its words. */
export const usage = `okapi-sidecar policy: question the allow-list

Usage:
    okapi-sidecar policy explain SOURCE --caller WHO --at WHERE --method METHOD
                                 --path TARGET [--tenant T] [--module-id ID]
                                 [--json]
    okapi-sidecar policy matrix  SOURCE [--caller TEXT] [--provider TEXT]
                                 [--interface TEXT] [--json|--csv|--html FILE]
    okapi-sidecar policy matrix  SOURCE --blast-radius MODULE [--json]
    okapi-sidecar policy diff    A B [--grants FILE | --grants-a FILE
                                 --grants-b FILE] [--json]
    okapi-sidecar policy diff    GRANTS_A GRANTS_B --descriptors PATH [--json]
    okapi-sidecar policy suggest SOURCE --from LOG... [--tighten]
    okapi-sidecar policy suggest SOURCE --from-descriptors
    okapi-sidecar policy fetch   --okapi URL --tenant T --out DIR
                                 [--credentials DIR] [--token-file FILE]
    okapi-sidecar policy pack    DIR -o FILE [--for MODULE_ID|okapi]
                                 [--grants FILE]

SOURCE is -c FILE, the configuration of a sidecar, or --descriptors PATH with an
optional --grants FILE. PATH is a folder of ModuleDescriptors or a packed file.

explain says whether a call would pass, by which rule, and what would allow it.
WHO is a full module id (mod-notes-8.1.0), operator/NAME, client/NAME, public,
plain (who comes by the plain door) or none. WHERE says whose ingress decides:
okapi, a full module id, or a product of which one version is installed. Without
--tenant the tenant is not judged; '' is a request at a module that names none;
--module-id is X-Okapi-Module-Id. An OPTIONS of public is taken for a preflight.
Exit 0 allowed, 1 refused, 2 wrong usage.

matrix says who may call what, with the rule behind it: modules, Okapi, public,
operators and clients, at Okapi and at modules; with -c also \`plain\`, while the
plain door of \`migration\` is open. The TEXTs narrow it to names that hold them;
--html writes one page to filter and open. --blast-radius says what whoever
holds a module gets at: directly, through modules that send on what they are
told, and through others.

diff says what opens and what closes from A to B, both folders or packed files,
or grants. Modules are compared by product: \`what does mod-orders 14 change?\`
Exit 1 when anything opens, 0 otherwise, 2 wrong usage.

suggest reads access logs (\`-\`: standard input) and prints grants, as YAML to
review: the smallest set that would have let pass what report mode only
recorded. --from-descriptors proposes what modulePermissions hint at instead;
--tighten says which open routes nobody used, and narrower grants. The log of
Okapi's sidecar knows all callers.

fetch saves the descriptors of what is enabled for a tenant, in one folder that
is replaced as a whole. https needs --credentials of an operator with a grant
{admin: [read]}; http goes to loopback only.

pack cuts a folder of descriptors to what policy reads, in one file that
policy.descriptors takes: the raw files are larger than a ConfigMap may be.
--for keeps what that module's sidecar needs, --grants what these open to it.

Example:
    okapi-sidecar policy explain --descriptors descriptors --at okapi \\
        --caller mod-notes-8.1.0 --method GET --path /users/42
    okapi-sidecar policy matrix --descriptors descriptors --html matrix.html
    okapi-sidecar policy suggest -c sidecar.yaml --from access.log > more.yaml
    okapi-sidecar policy diff descriptors descriptors.next
`

interface Word {
  run(argv: readonly string[]): Promise<number>
}

const WORDS: Readonly<Record<string, () => Promise<Word>>> = {
  explain: () => import('./policy/explain.ts'),
  matrix: () => import('./policy/matrix.ts'),
  diff: () => import('./policy/diff.ts'),
  suggest: () => import('./policy/suggest.ts'),
  fetch: () => import('./policy/fetch.ts'),
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
