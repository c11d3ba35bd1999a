import { fault } from '../fault.ts'

/** The usage text of `certs` and all its words. */
export const usage = `okapi-sidecar certs: make, look at and change certificates

Usage:
    okapi-sidecar certs init --trust-domain DOMAIN [--valid-for 90d]
                             [--key KIND]
    okapi-sidecar certs issue NAME [--dns NAME]... [--ip ADDRESS]... [--out DIR]
                              [--valid-for 24h] [--key KIND] [--powerful]
    okapi-sidecar certs sign CSR [--name NAME] [--valid-for 24h] [--out DIR]
                              [--powerful]
    okapi-sidecar certs renew NAME|DIR [--valid-for 24h] [--keep-key]
    okapi-sidecar certs revoke NAME|SERIAL [--reason REASON] [--distribute]
    okapi-sidecar certs revoke --refresh [--crl-valid-for 30d] [--distribute]
    okapi-sidecar certs status [DIR|HOST:PORT] [--within 30d]
                               [--credentials DIR]
    okapi-sidecar certs export NAME|DIR --pkcs12 [--password-file FILE]
                               [--out DIR]
    okapi-sidecar certs rollover start|leaves|status|finish
                                 [--peers HOST:PORT,...]
    okapi-sidecar certs rehearse --next DIR --peers HOST:PORT,...
    okapi-sidecar certs agent --for NAME,... [--once]

Each takes --dir DIR, the directory of the CA, which defaults to certs-dev, and
--json.

init makes a CA for development. It never replaces one.

issue writes tls.crt, tls.key and ca.crt into DIR/NAME. NAME is a full module id
(mod-users-19.7.0), operator/anna for a person or client/sms for an outside
system. Okapi, operators and clients need --powerful, because descriptors do not
limit them. --dns and --ip say where peers find it; they never identify it.

sign certifies the key of a signing request under NAME, or under the one SPIFFE
URI that it asks for, with the DNS names and addresses that it asks for.

renew issues again what is there: the same names and length of life, a new key.
--keep-key is for peers that pin the key.

revoke writes the list of revoked certificates (CRL). A CRL that has run out
locks everybody out: --refresh writes it anew. --distribute copies it into every
directory that the CA has issued.

status shows a table: of a CA, of any folder of credentials, or of what a peer
presents. It ends with 1 when something is broken or ends within --within;
without it, when less than a third of its life is left. --credentials shows a
peer with the eyes of another one.

export writes keystore.p12 and truststore.p12 for Java. The password comes from
the first line of a file, or from CERTS_PASSWORD.

rollover changes the root without anybody noticing. start makes the new root and
puts it into every bundle; leaves, once all peers have read theirs, issues every
leaf again from it; finish takes the old root out. leaves and finish refuse
while one of --peers could not live with that; status shows how far it is.

rehearse meets each peer with credentials that are not in use yet, and names who
would break. agent renews leaves, and the CRL, at two thirds of their life.

Durations are whole numbers with s, m, h or d. KIND is p256, p384, rsa2048 or
rsa3072. REASON is unspecified, keyCompromise, affiliationChanged, superseded or
cessationOfOperation.

Example:
    okapi-sidecar certs init --trust-domain folio.test
    okapi-sidecar certs issue mod-users-19.7.0 --dns mod-users --ip 127.0.0.1
`

interface Word {
  run(argv: readonly string[]): Promise<number>
}

const WORDS: Readonly<Record<string, () => Promise<Word>>> = {
  init: () => import('./certs/init.ts'),
  issue: () => import('./certs/issue.ts'),
  sign: () => import('./certs/sign.ts'),
  renew: () => import('./certs/renew.ts'),
  revoke: () => import('./certs/revoke.ts'),
  status: () => import('./certs/status.ts'),
  export: () => import('./certs/export.ts'),
  rollover: () => import('./certs/rollover.ts'),
  rehearse: () => import('./certs/rehearse.ts'),
  agent: () => import('./certs/agent.ts'),
}

/** Finds the word and runs it; throws a Fault for one that does not exist. */
export async function run([word, ...rest]: readonly string[]): Promise<number> {
  const load = word !== undefined && Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
  if (load !== undefined) return (await load()).run(rest)
  const known = Object.keys(WORDS).join(', ')
  const message = word === undefined ? 'certs what?' : `there is no \`certs ${word}\``
  throw fault(message, { hint: `the words are ${known}; okapi-sidecar help certs explains them` })
}
