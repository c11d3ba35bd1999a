import test from 'ava'
import {
  ascii,
  FOLD,
  HEX,
  isWord,
  sameFolded,
  TOKEN,
  VALUE,
  VISIBLE,
} from '../../src/wire/bytes.ts'

const bytes = Array.from({ length: 256 }, (_, byte) => byte)
const marked = (table: Uint8Array) => bytes.filter((byte) => table[byte] === 1)
const matching = (pattern: RegExp) =>
  bytes.filter((byte) => pattern.test(String.fromCharCode(byte)))

test('what may stand in a name, a value, a target', (t) => {
  // RFC 9110 section 5.6.2 and 5.5, spelled out.
  t.deepEqual(marked(TOKEN), matching(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/))
  t.deepEqual(marked(VALUE), matching(/[\t\x20-\x7e\x80-\xff]/))
  t.deepEqual(marked(VISIBLE), matching(/[\x21-\x7e]/))
})

test('hexadecimal digits, and what looks alike', (t) => {
  for (const byte of bytes) {
    const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
    t.is(HEX[byte], /[0-9a-f]/i.test(String.fromCharCode(byte)) ? digit : 255, `byte ${byte}`)
  }
})

test('only ASCII letters fold, and _ to -', (t) => {
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    const expected = /[A-Z]/.test(character) ? byte + 32 : character === '_' ? 0x2d : byte
    t.is(FOLD[byte], expected, `byte ${byte}`)
  }
})

test('words are compared whole and whatever their case', (t) => {
  const text = ascii('xCloSex')
  t.true(isWord(text, 1, 6, ascii('close')))
  t.false(isWord(text, 1, 5, ascii('close')))
  t.false(isWord(text, 0, 6, ascii('close')))
  t.false(isWord(ascii('cl_se'), 0, 5, ascii('cl-se')))
  // 0x0b | 0x20 is '+': only letters fold.
  t.false(isWord(ascii('\x0b'), 0, 1, ascii('+')))
})

test('names that could be read alike', (t) => {
  const same = (a: string, b: string) =>
    sameFolded(ascii(a + b), 0, a.length, a.length, a.length + b.length)
  t.true(same('X-Okapi_Tenant', 'x_okapi-tenant'))
  t.false(same('X-Okapi-Tenant', 'X-Okapi-Tenan'))
  t.false(same('X-Okapi-Tenant', 'X-Okapi-Tenanu'))
  t.true(same('', ''))
})
