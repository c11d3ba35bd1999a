import { runSubcommand, type Subcommands } from './verb.ts'

/** The usage text of `kafka` and its subcommands. */
export const usage = `okapi-sidecar kafka: the rules of modules, and what the brokers enforce

Usage:
    okapi-sidecar kafka acls -c FILE [--tenant T]... [--principal cn|product]
                             [--json]
    okapi-sidecar kafka acls --descriptors DIR [--rules FILE]... [--env NAME]
                             [--tenant T]... [--tenant-collection NAME]
                             [--principal cn|product] [--json]
    okapi-sidecar kafka check [-c FILE] [--tenant T]... [--credentials DIR]
                             [--principal cn|product] [--json]

acls prints the rules that a sidecar enforces as commands for kafka-acls.sh, so
that the brokers enforce them too: with -c those of one module, with
--descriptors those of every module there that a rule is for, by the shipped
grants/kafka.yaml and each --rules FILE. {tenant} is written out for the tenants
of the configuration and each --tenant T. Where a rule has \`*\` before its end
the ACL ends at that \`*\`: it is wider, and a comment says so.

Brokers take the principal from the certificate's subject, not from its URI:
\`certs issue\` writes the module id into the common name, so a module is
User:CN=mod-users-19.7.0, and another principal after each upgrade. With
--principal product it is User:mod-users; the brokers then need the line
ssl.principal.mapping.rules that is printed first.

check connects to every broker as \`run\` would, to those of the configuration and
to those that they name, and prints the TLS version and the certificate. Then it
compares the ACLs of the cluster with the rules: what is missing, and what the
cluster allows this module beyond them. Modules cannot see ACLs: DIR has the
tls.crt and tls.key of a principal that can (Describe on the cluster).

Options:
    -c, --config FILE       the configuration of a sidecar; default sidecar.yaml
        --descriptors DIR   the folder of ModuleDescriptors
        --rules FILE        rules as in \`kafka.rules\`; may be repeated
        --env NAME          ENV of the modules; default folio
        --tenant T          a tenant; may be repeated
        --tenant-collection NAME
                            KAFKA_PRODUCER_TENANT_COLLECTION of the modules
        --principal KIND    cn (default) or product
        --credentials DIR   the certificate to ask for ACLs with
        --json              ACLs or findings as JSON

Exit codes: 0 fine, 1 a broker cannot be used, or ACLs and rules differ, 2 wrong
usage or configuration

Example:
    okapi-sidecar kafka acls -c sidecar.yaml --tenant diku > acls.sh
    BOOTSTRAP=kafka:9093 ADMIN=admin.properties sh acls.sh
    okapi-sidecar kafka check -c sidecar.yaml --tenant diku --credentials admin
`

const SUBCOMMANDS: Subcommands = {
  acls: () => import('./kafka/acls.ts'),
  check: () => import('./kafka/check.ts'),
}

/** Their names, for completion. */
export const subcommands = Object.keys(SUBCOMMANDS)

/** Finds the subcommand and runs it; throws a Fault for one that does not exist. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('kafka', SUBCOMMANDS, argv)
}
