import test from 'ava'
import fc from 'fast-check'
import { bearer, claimsOf } from '../../src/proxy/token.ts'

const jwt = (payload: unknown) =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2lnbmF0dXJl`
const NONE = { tenant: undefined, userId: undefined }

test('the claims that Okapi reads', (t) => {
  t.deepEqual(claimsOf(jwt({ tenant: 'diku', user_id: 'u', sub: 's' })), {
    tenant: 'diku',
    userId: 'u',
  })
  t.deepEqual(claimsOf(jwt({ tenant: 'diku' })), { tenant: 'diku', userId: undefined })
  t.deepEqual(claimsOf(`e30.${Buffer.from('{"tenant":"ä"}').toString('base64')}`), {
    tenant: 'ä',
    userId: undefined,
  })
})

for (const payload of [
  null,
  1,
  'text',
  [],
  ['tenant'],
  { tenant: 1, user_id: {} },
  { __proto__: { tenant: 'x' } },
]) {
  test(`nothing is read from ${JSON.stringify(payload)}`, (t) =>
    t.deepEqual(claimsOf(jwt(payload)), NONE))
}

for (const token of [
  '',
  'a',
  '.',
  '..',
  'a.b.c',
  'a.e30',
  `a.${'e'.repeat(10_000)}.c`,
  'a.\xff.c',
]) {
  test(`nothing is read from the text ${JSON.stringify(token.slice(0, 20))}`, (t) =>
    t.deepEqual(claimsOf(token), NONE))
}

test('names of the prototype are no claims, whatever a token holds', (t) => {
  const token = `a.${Buffer.from('{"__proto__":{"tenant":"x"},"constructor":1}').toString('base64url')}.c`
  t.deepEqual(claimsOf(token), NONE)
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((text) => `a.${Buffer.from(text).toString('base64url')}`),
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
