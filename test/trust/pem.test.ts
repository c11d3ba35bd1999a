import test from 'ava'
import fc from 'fast-check'
import { PemError, splitPem, toPem } from '../../src/trust/pem.ts'

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
