import { ROLLOVER_STEPS } from './certs/arguments.ts'
import { runSubcommand, type Subcommands } from './verb.ts'

/** The usage text of `certs` and its subcommands. */
export const usage = `okapi-sidecar certs: issue, inspect, renew and revoke certificates

Usage:
    okapi-sidecar certs init --trust-domain DOMAIN [--valid-for 90d]
                             [--key KIND]
    okapi-sidecar certs issue NAME [--dns NAME]... [--ip ADDRESS]... [--out DIR]
                              [--valid-for 24h] [--key KIND] [--powerful]
    okapi-sidecar certs sign CSR [--name NAME] [--valid-for 24h] [--out DIR]
                              [--powerful]
    okapi-sidecar certs renew NAME|DIR [--valid-for 24h] [--keep-key]
    okapi-sidecar certs revoke NAME|SERIAL|FILE [--reason REASON] [--distribute]
    okapi-sidecar certs revoke --refresh [--crl-valid-for 30d] [--distribute]
    okapi-sidecar certs status [DIR|HOST:PORT] [--within 30d]
                               [--credentials DIR]
    okapi-sidecar certs export NAME|DIR --pkcs12 [--password-file FILE]
                               [--out DIR]
    okapi-sidecar certs rollover start|leaves|status|finish
                                 [--peers HOST:PORT,...]
    okapi-sidecar certs rehearse --next DIR --peers HOST:PORT,...
    okapi-sidecar certs agent --for NAME,...|--all [--once]

Every subcommand takes --dir DIR, the directory of the CA (default certs-dev),
and --json.

init creates a CA for development. It never replaces an existing one.

issue writes tls.crt, tls.key and ca.crt into DIR/NAME. NAME is a full module id
(mod-users-19.7.0), operator/anna for a person or client/sms for an outside
system. Okapi, operators and clients need --powerful, because no descriptor
limits what they may call. --dns and --ip are the names and addresses at which
peers find it; they never identify it.

sign issues a certificate for the key of a signing request: under NAME, or under
the one SPIFFE URI in the request, with the DNS names and addresses in it.

renew issues a certificate again with the same names and lifetime and a new key.
--keep-key keeps the key, for peers that pin it.

revoke writes the certificate revocation list (CRL). FILE is a certificate that
is not in the index of the CA, for example after a restore. When a CRL has
expired, new connections are refused: --refresh writes it again in time.
--distribute copies it into every directory that this CA has issued.

status prints a table of a CA, of a folder of credentials, or of what a peer
presents. It exits with 1 when a peer would refuse a certificate, or one ends
within --within; without --within when less than a third of its lifetime is
left. --credentials connects to the peer with those credentials.

export writes keystore.p12 and truststore.p12 for Java. The password is the
first line of the file, or CERTS_PASSWORD.

rollover replaces the root without downtime. start creates the new root and adds
it to every bundle. When all peers have read their bundle, leaves issues every
leaf again from the new root. finish removes the old root. leaves and finish do
nothing as long as one of --peers would break; status shows the progress.

rehearse connects to each peer with credentials that are not in use yet and
lists the peers that would break.

agent keeps running and renews leaves and the CRL when a third of their lifetime
is left; with --once it does so once. --all: all leaves in the folder of the CA,
also those issued later, but none that was revoked.

Durations are whole numbers with s, m, h or d. KIND is p256, p384, rsa2048 or
rsa3072. REASON is unspecified, keyCompromise, affiliationChanged, superseded or
cessationOfOperation.

Example:
    okapi-sidecar certs init --trust-domain folio.test
    okapi-sidecar certs issue mod-users-19.7.0 --dns mod-users --ip 127.0.0.1
`

const SUBCOMMANDS: Subcommands = {
  init: () => import('./certs/init.ts'),
  issue: () => import('./certs/issue.ts'),
  sign: async () => ({ run: (await import('./certs/issue.ts')).runSign }),
  renew: async () => ({ run: (await import('./certs/issue.ts')).runRenew }),
  revoke: () => import('./certs/revoke.ts'),
  status: () => import('./certs/status.ts'),
  export: () => import('./certs/export.ts'),
  rollover: () => import('./certs/rollover.ts'),
  rehearse: () => import('./certs/rehearse.ts'),
  agent: () => import('./certs/agent.ts'),
}

/** Their names, for completion. */
export const subcommands = Object.keys(SUBCOMMANDS)

/** The steps of a rollover, for completion. */
export const steps = { rollover: ROLLOVER_STEPS }

/** Finds the subcommand and runs it; throws a Fault for one that does not exist. */
export function run(argv: readonly string[]): Promise<number> {
  return runSubcommand('certs', SUBCOMMANDS, argv)
}
