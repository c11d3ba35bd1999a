import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readText } from '../../fault/text-file.ts'
import { errorCode, fault } from '../../fault.ts'
import { LEAF_KEY_MODE, PUBLIC_MODE, stage } from '../../pki/files.ts'
import { shortId } from '../../pki/issuer.ts'
import { keyStore, trustStore } from '../../pki/pkcs12.ts'
import { directoryOf } from '../../pki/renewal.ts'
import { certificatesIn, privateKey, readStateText } from '../../pki/state.ts'
import { json, table } from '../terminal.ts'
import { only } from './arguments.ts'
import { titleOf } from './inspect.ts'
import { namesIn } from './judgement.ts'

const EXAMPLE = 'export mod-users-19.7.0 --pkcs12 --password-file password.txt'
const PASSWORD_VARIABLE = 'CERTS_PASSWORD'
// Java's keytool requires six; the two key derivations give the same result only for ASCII.
const PASSWORD = /^[\x20-\x7e]{6,1024}$/

/** `certs export NAME|DIR --pkcs12`: key store and trust store for Java. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      pkcs12: { type: 'boolean', default: false },
      'password-file': { type: 'string' },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const target = only(positionals, 'NAME or DIR', EXAMPLE)
  if (!values.pkcs12) throw fault('--pkcs12 is missing', { hint: `okapi-sidecar certs ${EXAMPLE}` })
  const from = await directoryOf(values.dir, target)
  const secret = password(values['password-file'])
  const chain = await read(join(from, 'tls.crt'))
  const roots = await read(join(from, 'ca.crt'))
  const [leaf] = chain
  const keyFile = join(from, 'tls.key')
  const key = privateKey(await readStateText(keyFile), keyFile)
  if (leaf === undefined || !leaf.checkPrivateKey(key)) {
    throw fault('it is not the key of the certificate beside it', { where: { file: keyFile } })
  }
  const [uri] = namesIn(leaf).uris
  const alias = uri === undefined ? target : titleOf(uri)
  const trusted = roots.map((certificate) => {
    return { alias: `root-${shortId(certificate)}`, certificate }
  })
  const out = values.out ?? from
  const staged = await stage(out, [
    { name: 'keystore.p12', content: keyStore(alias, key, chain, secret), mode: LEAF_KEY_MODE },
    { name: 'truststore.p12', content: trustStore(trusted, secret), mode: PUBLIC_MODE },
  ])
  await staged.commit()
  tell(
    out,
    alias,
    trusted.map((one) => one.alias),
    values.json,
  )
  return 0
}

async function read(path: string) {
  return certificatesIn(await readStateText(path), path)
}

function password(file: string | undefined): string {
  const hint = `--password-file FILE, or ${PASSWORD_VARIABLE} in the environment`
  const given = file === undefined ? process.env[PASSWORD_VARIABLE] : readPassword(file)
  if (given === undefined) throw fault('a key store needs a password', { hint })
  // The file or variable may end with a line break; other white space is part of the password.
  const line = given.replace(/\r?\n[\s\S]*$/, '')
  if (PASSWORD.test(line)) return line
  throw fault('the password must be 6 to 1024 printable ASCII characters', {
    ...(file === undefined ? {} : { where: { file } }),
    hint: 'Java accepts no shorter one and reads other characters differently',
  })
}

function readPassword(file: string): string {
  try {
    return readText(file)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot read ${file} (${code})`)
  }
}

function tell(out: string, alias: string, roots: readonly string[], asJson: boolean): void {
  const keystore = join(out, 'keystore.p12')
  const truststore = join(out, 'truststore.p12')
  if (asJson) {
    json({ keystore, truststore, alias, roots })
    return
  }
  const rows = [
    [keystore, `key and chain, alias ${alias.toLowerCase()}`],
    [truststore, `trusted roots: ${roots.join(', ')}`],
  ]
  process.stdout.write(`Two PKCS#12 stores for Java\n\n${table(rows, '    ')}\n`)
  process.stdout.write(`look inside: keytool -list -keystore ${keystore}\n`)
}
