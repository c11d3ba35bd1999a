import { fault } from '../fault.ts'

/** The usage text of `certs` and all its words. */
export const usage = `okapi-sidecar certs: make, look at and change certificates

Usage:
    okapi-sidecar certs init --trust-domain DOMAIN [--dir DIR] [--valid-for 90d] [--key KIND]
    okapi-sidecar certs issue NAME [--dns NAME]... [--ip ADDRESS]... [--valid-for 24h]
                              [--key KIND] [--powerful] [--dir DIR] [--out DIR]

init makes a CA for development in DIR, which defaults to certs-dev. It never
replaces one.

issue writes tls.crt, tls.key and ca.crt into DIR/NAME. NAME is a full module id
(mod-users-19.7.0), operator/anna for a person or client/sms for an outside
system. Okapi, operators and clients need --powerful, because descriptors do not
limit them. --dns and --ip say where peers find it; they never identify it.

Durations are whole numbers with s, m, h or d. KIND is p256, p384, rsa2048 or
rsa3072. Each word takes --json.

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
}

/** Finds the word and runs it; throws a Fault for one that does not exist. */
export async function run([word, ...rest]: readonly string[]): Promise<number> {
  const load = word !== undefined && Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
  if (load !== undefined) return (await load()).run(rest)
  const known = Object.keys(WORDS).join(', ')
  const message = word === undefined ? 'certs what?' : `there is no \`certs ${word}\``
  throw fault(message, { hint: `the words are ${known}; okapi-sidecar help certs explains them` })
}
