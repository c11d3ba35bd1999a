import { runSubcommand, type Subcommands } from './verb.ts'

/** The usage text of `policy` and its subcommands. */
export const usage = `okapi-sidecar policy: query and compare the allow-list

Usage:
    okapi-sidecar policy explain SOURCE --caller WHO --at WHERE --method METHOD
                                 --path TARGET [--tenant T]
                                 [--token-tenant T|none] [--serving]
                                 [--module-id ID] [--via okapi] [--json]
    okapi-sidecar policy matrix  SOURCE [--caller TEXT] [--provider TEXT]
                                 [--interface TEXT] [--json|--csv|--html FILE]
    okapi-sidecar policy matrix  SOURCE --blast-radius MODULE [--json]
    okapi-sidecar policy diff    A B [--grants FILE | --grants-a FILE
                                 --grants-b FILE] [--json]
    okapi-sidecar policy diff    GRANTS_A GRANTS_B --descriptors PATH [--json]
    okapi-sidecar policy suggest SOURCE --from LOG... [--tighten]
    okapi-sidecar policy suggest SOURCE --from-descriptors
    okapi-sidecar policy suggest -c FILE --kafka --from LOG...
    okapi-sidecar policy fetch   --okapi URL --tenant T -o, --out DIR
                                 [--credentials DIR] [--token-file FILE]
                                 [--keep]
    okapi-sidecar policy pack    DIR -o, --out FILE [--for MODULE_ID|okapi]
                                 [--grants FILE]

SOURCE is -c, --config FILE (the configuration of a sidecar), or --descriptors
PATH with an optional --grants FILE. PATH is a folder of ModuleDescriptors or a
packed file.

explain says whether a call is allowed, by which rule, and what would allow it.
WHO is a full module id (mod-notes-8.1.0), operator/NAME, client/NAME, public,
plain (a caller of the migration listener) or none. WHERE is the callee: okapi,
a full module id, or a product with one installed version. Without --tenant the
tenant is not checked; '' is a request at a module that names none.
--token-tenant is the tenant of the token, none for a call without one; without
it the token is of the tenant. --serving: Okapi has called WHO for the tenant,
with such a token. --module-id is X-Okapi-Module-Id. An OPTIONS of public counts
as a preflight. The answer is that of one sidecar; \`decided at\` lists all that
decide. Exit 0 allowed, 1 refused, 2 wrong usage.

--via okapi says what a module's sidecar decides, with policy.caller: enforce,
about a call that Okapi makes on behalf of WHO; WHO may then also be okapi or
unknown.

matrix lists who may call what, with the rule: modules, Okapi, public, operators
and clients, at Okapi and at modules; with -c also \`plain\` while the
\`migration\` listener is open. A TEXT selects the names that contain it. --html
writes one page with filters. --blast-radius lists what a hijacked module can
reach: directly, through modules that forward calls, and through other modules.

diff lists what opens and what closes from A to B: two folders, two packed files
or two files of grants. Modules are compared by product. Exit 1 when anything
opens, 0 otherwise, 2 wrong usage.

suggest reads access logs (\`-\`: standard input) and prints grants as YAML to
review: the smallest set that would have allowed what report mode only recorded.
--from-descriptors suggests grants from modulePermissions instead; --tighten
prints narrower grants and the open routes that were never called. Use the log
of Okapi's sidecar: it has all callers. Calls that were refused because of the
supertenant become grants too, also in report mode. The module's own egress
refuses these first, so add the modules' logs: --from okapi.log mod-login.log. A
token of one tenant that was used for another becomes a rule of policy.consortia
or a grant \`cross\`. With --kafka it prints a rule for \`kafka.rules\`: what report
mode let the module of FILE do at Kafka.

fetch saves the descriptors of all modules that are enabled for a tenant in one
folder, which is replaced as a whole. --keep keeps descriptors there that are
not enabled, such as those of a version that you will install. https needs
--credentials of an operator with a grant {profile: read-only}; http works only
on loopback. If Okapi's supertenant is secured, --token-file FILE contains the
X-Okapi-Token of a user with okapi.proxy.tenants.modules.list and
okapi.proxy.modules.get.

pack reduces a folder of descriptors to what the policy needs, in one file for
policy.descriptors: the full files do not fit into a ConfigMap. --for keeps only
what the sidecar of that module needs, --grants also what these grants open.

Example:
    okapi-sidecar policy explain --descriptors descriptors --at okapi \\
        --caller mod-notes-8.1.0 --method GET --path /users/42
    okapi-sidecar policy matrix --descriptors descriptors --html matrix.html
    okapi-sidecar policy suggest -c sidecar.yaml --from access.log > more.yaml
    okapi-sidecar policy diff descriptors descriptors.next
`

const SUBCOMMANDS: Subcommands = {
  explain: () => import('./policy/explain.ts'),
  matrix: () => import('./policy/matrix.ts'),
  diff: () => import('./policy/diff.ts'),
  suggest: () => import('./policy/suggest.ts'),
  fetch: () => import('./policy/fetch.ts'),
  pack: () => import('./policy/pack.ts'),
}

/** Their names, for completion. */
export const subcommands = Object.keys(SUBCOMMANDS)

/** Finds the subcommand and runs it; throws a Fault for one that does not exist. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('policy', SUBCOMMANDS, argv)
}
