import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { PemError, splitPem, toPem } from '../../src/x509/pem.ts'
import { makeCa, makePair } from '../support/pki.ts'

const block = (content: string) => toPem('CERTIFICATE', Buffer.from(content))
const split = (text: string) => splitPem(Buffer.from(text), ['CERTIFICATE'])

test('several blocks, empty lines, comments and CRLF', (t) => {
  const text = `# root\n${block('a')}\n\n${block('b').replaceAll('\n', '\r\n')}`
  t.deepEqual(
    split(text).map(({ der }) => der.toString()),
    ['a', 'b'],
  )
  t.deepEqual(split(''), [])
})

const refused: Readonly<Record<string, string>> = {
  'words between the blocks': `${block('a')}garbage\n${block('b')}`,
  'another kind of block': toPem('PRIVATE KEY', Buffer.from('a')),
  'a block cut off': block('a').slice(0, -10),
  'a block inside a block': block('a').replace('\n', `\n${block('b')}`),
  'no base64': block('a').replace('YQ==', 'Y*=='),
  'base64 that is cut off': block('abc').replace('YWJj', 'YWJ'),
  'base64 with stray bits': block('a').replace('YQ==', 'YR=='),
  'nothing in the block': block('a').replace('YQ==\n', ''),
  'binary bytes': '\x30\x82\x01',
  'a text header': block('a').replace('YQ==', 'Proc-Type: 4,ENCRYPTED\n\nYQ=='),
}
for (const [name, text] of Object.entries(refused)) {
  test(`refused: ${name}`, (t) => {
    t.throws(() => split(text), { instanceOf: PemError })
  })
}

/** What an operator brings instead, made by the tools that make it: what is said, and does the remedy help? */
const SHELL_FORMS: Readonly<Record<string, readonly [string, RegExp]>> = {
  DER: [
    'openssl x509 -in good -outform der -out it',
    /line 1 belongs to no PEM block: this is DER/,
  ],
  'PKCS#12': ['openssl pkcs12 -export -in good -inkey key -passout pass: -out it', /PKCS#12/],
  'PKCS#7 in DER': ['openssl crl2pkcs7 -nocrl -certfile good -outform der -out it', /PKCS#7/],
  'PKCS#7 in PEM': ['openssl crl2pkcs7 -nocrl -certfile good -out it', /begins a PKCS7/],
  'a text form before the block': [
    'openssl x509 -in good -text -out it',
    /text that openssl wrote/,
  ],
  'bag attributes': [
    'openssl pkcs12 -export -in good -inkey key -name mine -passout pass: -out p12 && openssl pkcs12 -in p12 -nokeys -passin pass: -out it',
    /text that `openssl pkcs12` wrote/,
  ],
  'subject and issuer before the block': [
    'openssl x509 -in good -subject -issuer -out it',
    /line 1 belongs to no PEM block: this is text that/,
  ],
  'a trusted certificate': ['openssl x509 -in good -trustout -out it', /begins a TRUSTED CERT/],
  'a byte order mark': [String.raw`printf '\357\273\277' > it; cat good >> it`, /byte order mark/],
  'UTF-16': ['iconv -f ASCII -t UTF-16 good > it', /this is UTF-16/],
  'base64 of PEM': ['base64 -w0 good > it', /this is base64 of PEM/],
  'line breaks as \\n': [String.raw`awk '{printf "%s\\n", $0}' good > it`, /written as \\n/],
  indented: ["sed 's/^/    /' good > it", /it is indented/],
  words: ['(echo "the root of our company"; cat good) > it', /only PEM blocks, empty lines/],
}
for (const [name, [make, says]] of Object.entries(SHELL_FORMS)) {
  test(`refused with what it is and how it becomes PEM: ${name}`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-pem-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const ca = await makeCa(undefined, 'root1')
    writeFileSync(join(directory, 'good'), ca.certPem)
    writeFileSync(join(directory, 'key'), ca.keyPem)
    const shell = (command: string) => {
      const done = spawnSync('bash', ['-c', command], {
        cwd: directory,
        encoding: 'utf8',
        input: '',
      })
      t.is(done.status, 0, `${command}: ${done.stderr}`)
    }
    shell(make)
    const read = (file: string) => splitPem(readFileSync(join(directory, file)), ['CERTIFICATE'])
    const error = t.throws(() => read('it'), { instanceOf: PemError, message: says })
    shell(
      (error?.remedy ?? 'false')
        .replace('pkcs12 -in', 'pkcs12 -passin pass: -in')
        .replaceAll('FILE', 'it'),
    )
    t.deepEqual(
      read('it.pem').map(({ der }) => der),
      [ca.certDer],
    )
  })
}

test('a key in DER is named as one, short as an EC key is, and the remedy helps', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-pem-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const key = makePair('p256').privateKey
  for (const type of ['sec1', 'pkcs8'] as const) {
    const der = key.export({ format: 'der', type })
    writeFileSync(join(directory, 'it'), der)
    const error = t.throws(() => splitPem(der, ['PRIVATE KEY']), {
      message: /this is DER, not PEM/,
    })
    const remedy = (error as PemError).remedy?.replaceAll('FILE', 'it') ?? 'false'
    const done = spawnSync('bash', ['-c', remedy], { cwd: directory, encoding: 'utf8' })
    t.is(done.status, 0, done.stderr)
    const [block] = splitPem(readFileSync(join(directory, 'it.pem')), ['PRIVATE KEY'])
    t.deepEqual(block?.der, key.export({ format: 'der', type: 'pkcs8' }))
  }
})

test('a remedy is only told where it can help', (t) => {
  const remedyOf = (text: string) =>
    (t.throws(() => split(text), { instanceOf: PemError }) as PemError).remedy ?? ''
  t.regex(remedyOf('no such thing\n'), /no line in it is -----BEGIN/)
  t.regex(remedyOf(`words\n${block('a')}`), /^sed /)
  t.regex(remedyOf(block('a').slice(0, -10)), /only in part: write it again/)
})

test('an encrypted key, in either form, and what is no key or certificate', async (t) => {
  const key = makePair('p256').privateKey
  const locked = { cipher: 'aes-256-cbc', passphrase: 'x', format: 'pem' } as const
  const told = (text: string, label: string) =>
    t.throws(() => splitPem(Buffer.from(text), [label]), { instanceOf: PemError })
  for (const type of ['pkcs8', 'sec1'] as const) {
    const pem = String(key.export({ ...locked, type }))
    t.regex(
      told(pem, type === 'pkcs8' ? 'PRIVATE KEY' : 'EC PRIVATE KEY')?.message ?? '',
      /ENCRYPTED|encrypted/,
    )
    t.regex(
      told(pem, type === 'pkcs8' ? 'PRIVATE KEY' : 'EC PRIVATE KEY')?.remedy ?? '',
      /openssl pkey/,
    )
  }
  const plain = String(key.export({ type: 'pkcs8', format: 'pem' }))
  t.regex(told(plain, 'CERTIFICATE')?.remedy ?? '', /belongs only in tls\.key/)
  const request = toPem('CERTIFICATE REQUEST', Buffer.from('a'))
  t.regex(told(request, 'CERTIFICATE')?.remedy ?? '', /a request is not a certificate yet/)
})

test('any bytes: what is written is read back', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }),
      (all) => {
        const text = all.map((each) => toPem('CERTIFICATE', each)).join('')
        t.deepEqual(
          split(text).map(({ der }) => Uint8Array.from(der)),
          all,
        )
      },
    ),
  )
})
