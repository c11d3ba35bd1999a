import test from 'ava'
import fc from 'fast-check'
import { bearer, claimsOf, RecentClaims } from '../../src/proxy/token.ts'

const jwt = (payload: unknown) =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2lnbmF0dXJl`
const UNREADABLE = {
  form: 'unreadable',
  tenant: undefined,
  userId: undefined,
  ofModule: false,
}

test('the claims that Okapi reads', (t) => {
  const read = (tenant: string | undefined, userId?: string) => ({
    ...{ form: 'jwt', tenant, userId },
    ofModule: false,
  })
  t.deepEqual(claimsOf(jwt({ tenant: 'diku', user_id: 'u', sub: 's' })), read('diku', 'u'))
  t.deepEqual(claimsOf(jwt({ tenant: 'diku' })), read('diku'))
  t.deepEqual(claimsOf(jwt({ tenant: null, user_id: {} })), read(undefined))
  t.deepEqual(claimsOf(jwt({ of: { tenant: 'other' }, tenant: 'diku' })), read('diku'), 'nested')
  t.deepEqual(claimsOf(jwt({ of: { tenant: 'other' }, list: [{ tenant: 'a' }] })), read(undefined))
  t.deepEqual(claimsOf(jwt({ sub: 'tenant', tenant: '"tenant":' })), read('"tenant":'))
  t.deepEqual(claimsOf(jwt({})), read(undefined))
  const encoded = Buffer.from('{"tenant":"ä"}').toString('base64')
  t.deepEqual(claimsOf(`e30.${encoded}.c2ln`), read('ä'))
  t.deepEqual(claimsOf(`e30.${encoded}.c2ln.more`), read('ä'), 'as Okapi: what follows is not read')
})

for (const payload of [
  null,
  1,
  'text',
  [],
  ['tenant'],
  { tenant: 1 },
  { tenant: {} },
  { tenant: ['diku'] },
  { tenant: true },
]) {
  test(`nothing is read from ${JSON.stringify(payload)}`, (t) =>
    t.deepEqual(claimsOf(jwt(payload)), UNREADABLE))
}

for (const token of [
  '',
  'a',
  '.',
  '..',
  'a.b.c',
  'a.e30',
  `a.${Buffer.from('{"tenant":"diku"}').toString('base64url')}`,
  `a.${Buffer.from('{"tenant":"diku"} x').toString('base64url')}.c`,
  `a.${Buffer.from('{"tenant":"diku"/*c*/}').toString('base64url')}.c`,
  `a. ${Buffer.from('{"tenant":"diku"}').toString('base64url')}.c`,
  `a.${Buffer.from('{"tenant":"~~~~>>>>"}').toString('base64').replace('+', '/')}.c`,
  'a.eyJ0ZW5hbnQiOiJ+In0+.c',
  `a.${'e'.repeat(10_000)}.c`,
  'a.\xff.c',
]) {
  test(`nothing is read from the text ${JSON.stringify(token.slice(0, 80))}`, (t) =>
    t.deepEqual(claimsOf(token), UNREADABLE))
}

for (const payload of [
  '{"tenant":"diku","tenant":"other"}',
  '{"tenant":"diku","tenant":"diku"}',
  '{"tenant":"diku","sub":{"x":[1]},"tenant" : "other"}',
  '{"tenant":"diku","t\\u0065nant":"other"}',
  '{"t\\u0065nant":"diku","\\u0074\\u0065nant":"other"}',
  '{"tenant":"diku","user_id":"anna","user_id":"eve"}',
]) {
  test(`a claim that stands twice makes a token unreadable: ${payload}`, (t) =>
    t.deepEqual(claimsOf(`a.${Buffer.from(payload).toString('base64url')}.c`), UNREADABLE))
}

test('names of the prototype are no claims, whatever a token holds', (t) => {
  const token = `a.${Buffer.from('{"__proto__":{"tenant":"x"},"constructor":1}').toString('base64url')}.c`
  t.deepEqual(claimsOf(token), { ...UNREADABLE, form: 'jwt' })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((text) => `a.${Buffer.from(text).toString('base64url')}.c`),
      ),
      (any) => {
        const { tenant, userId } = claimsOf(any)
        t.true(['string', 'undefined'].includes(typeof tenant))
        t.true(['string', 'undefined'].includes(typeof userId))
      },
    ),
  )
})

test('Bearer, or the whole value', (t) => {
  t.is(bearer('Bearer abc'), 'abc')
  t.is(bearer('bearer \t abc'), 'abc')
  t.is(bearer('abc'), 'abc')
  t.is(bearer('Bearer a b'), 'Bearer a b')
  t.is(bearer('Bearerabc'), 'Bearerabc')
  t.is(bearer('Basic abc'), 'Basic abc')
  t.is(bearer(`Bearer a${' '.repeat(100_000)}b`).length, 100_009)
})

test('claims that were read before are those of the very token', (t) => {
  const recent = new RecentClaims()
  const of = (token: string) => {
    const bytes = Buffer.from(`Token: ${token}\r\n`, 'latin1')
    return recent.of(bytes, 7, bytes.length - 2)
  }
  // All have one place: they end alike.
  const tokens = ['a', 'b', 'diku', 'tenant'].map((tenant) => jwt({ tenant }))
  for (const token of [...tokens, ...tokens.toReversed(), 'x'.repeat(48), '', 'abc', '....']) {
    t.deepEqual(of(token), claimsOf(token), token)
    t.deepEqual(of(token), claimsOf(token), token)
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom('', 'a', '.', 'a.b.c', ...tokens)), (list) => {
      t.deepEqual(list.map(of), list.map(claimsOf))
    }),
  )
})
