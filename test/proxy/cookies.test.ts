import test from 'ava'
import { accessToken, setsToken, withoutTokens } from '../../src/proxy/cookies.ts'

for (const [value, left] of [
  ['', ''],
  ['a=b', 'a=b'],
  ['a=b; c=d', 'a=b; c=d'],
  ['folio=a', 'folio=a'],
  ['xfolioAccessToken=a', 'xfolioAccessToken=a'],
  ['folioAccessTokens=a', 'folioAccessTokens=a'],
  ['a=folioAccessToken', 'a=folioAccessToken'],
  ['folioAccessToken=a', null],
  ['folioRefreshToken=a', null],
  ['FOLIOACCESSTOKEN=a', null],
  ['folioAccessToken', null],
  ['folioAccessToken=', null],
  [' folioAccessToken = a ', null],
  ['\tfolioAccessToken=a', null],
  [',folioAccessToken=a', null],
  ['folioAccessToken=a;folioRefreshToken=b;', null],
  ['a=b; folioAccessToken=c; d=e', 'a=b; d=e'],
  ['folioAccessToken=c; d=e', 'd=e'],
  ['a=b;folioRefreshToken=c', 'a=b'],
  ['a=b; folioAccessToken=1; folioAccessToken=2', 'a=b'],
  ['a=b;;folioAccessToken=c;', 'a=b;;'],
] as const) {
  test(`of the cookies ${JSON.stringify(value)} goes on ${JSON.stringify(left)}`, (t) => {
    t.is(withoutTokens(value), left)
  })
}

test('a million blanks cost no more than a million steps', (t) => {
  const blanks = ' '.repeat(1_000_000)
  t.is(withoutTokens(`folio${blanks}x=1`), `folio${blanks}x=1`)
  t.is(withoutTokens(`${blanks}folioAccessToken${blanks}=1`), null)
})

test('Set-Cookie of the user’s tokens', (t) => {
  t.true(setsToken('folioAccessToken=a; Path=/; HttpOnly'))
  t.true(setsToken(' FolioRefreshToken = a; Path=/'))
  t.false(setsToken('a=folioAccessToken; Path=/'))
  t.false(setsToken('a=b; folioAccessToken=c'))
  t.false(setsToken(''))
})

for (const [value, token] of [
  ['folioAccessToken=a.b-_.c', 'a.b-_.c'],
  ['a=b; folioAccessToken=a.b=.c;d=e', 'a.b=.c'],
  ['', undefined],
  ['folioRefreshToken=a', undefined],
  ['folioaccesstoken=a', undefined],
  ['xfolioAccessToken=a', undefined],
  ['folioAccessToken=', undefined],
  // What Netty's strict decoder skips, or reads otherwise.
  ['folioAccessToken =a', undefined],
  ['folioAccessToken= a', undefined],
  ['folioAccessToken="a"', undefined],
  ['folioAccessToken=a"', undefined],
  ['folioAccessToken=a,b', undefined],
  [',folioAccessToken=a', undefined],
  // Okapi's TokenHeader refuses two.
  ['folioAccessToken=a; folioAccessToken=a', undefined],
  ['folioAccessToken=a; ,folioAccessToken=b', undefined],
] as const) {
  test(`of the cookies ${JSON.stringify(value)} Okapi takes ${token ?? 'none'}`, (t) => {
    t.is(accessToken(value), token)
  })
}
