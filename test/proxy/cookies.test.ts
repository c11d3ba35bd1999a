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
  // What has no name is sent as it stands (RFC 6265bis section 5.8.3).
  ['=folioAccessToken=a', null],
  ['= = folioAccessToken=a; b=c', 'b=c'],
  ['"folioAccessToken"=a', null],
  ['"fo"lioAccessToken=a; b=c', 'b=c'],
  ['__Host-folioAccessToken=a', null],
  ['a=b,folioRefreshToken=c; d=e', 'd=e'],
  ['a=b,c; d=e', 'a=b,c; d=e'],
  ['=a=folioAccessToken', '=a=folioAccessToken'],
  ['__Host-folio=a', '__Host-folio=a'],
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

for (const [value, sets] of [
  ['folioAccessToken=a; Path=/; HttpOnly', true],
  [' FolioRefreshToken = a; Path=/', true],
  // RFC 6265bis section 5.6: without `=` there is no name, and the browser sends what stands there.
  ['=folioAccessToken=evil', true],
  ['= folioAccessToken=evil', true],
  ['==folioAccessToken=evil', true],
  [' \t= \tfolioAccessToken=evil; Path=/', true],
  ['=FOLIOREFRESHTOKEN=evil; Secure', true],
  ['folioAccessToken', true],
  ['folioAccessToken; Path=/', true],
  ['=folioAccessToken', true],
  ['folioAccessToken=', true],
  ['\tfolioAccessToken\t=\ta', true],
  ['"folioAccessToken"=a', true],
  ['folioAccessToken="a"', true],
  ['__Host-folioAccessToken=a; Secure; Path=/', true],
  ['__secure-folioAccessToken=a; Secure', true],
  ['=__Host-folioAccessToken=a', true],
  // Who parts Set-Cookie at commas, as RFC 2109 had it.
  ['a=b, folioAccessToken=evil', true],
  [',folioAccessToken=evil', true],
  ['a=folioAccessToken; Path=/', false],
  ['=a=folioAccessToken', false],
  ['a=b; folioAccessToken=c', false],
  ['a; =folioAccessToken=c', false],
  ['folioAccessTokens=a', false],
  ['folioAccessTokenx', false],
  ['xfolioAccessToken=a', false],
  ['__Other-folioAccessToken=a', false],
  ['folio=AccessToken=a', false],
  ['a=b, c=folioAccessToken', false],
  ['', false],
  ['=', false],
  [';', false],
] as const) {
  test(`Set-Cookie ${JSON.stringify(value)} ${sets ? 'sets a token' : 'sets none'}`, (t) => {
    t.is(setsToken(value), sets)
  })
}

test('long names, many commas and equals signs cost no more than their length', (t) => {
  t.true(setsToken(`${'='.repeat(1_000_000)}folioAccessToken=a`))
  t.false(setsToken(`${','.repeat(100_000)}a=b`))
  t.false(setsToken(`${' ,='.repeat(100_000)}a=b`))
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
  ['folioAccessToken="a', undefined],
  ['folioAccessToken=""', undefined],
  ['folioAccessToken=a\\b', undefined],
  ['=folioAccessToken=a', undefined],
  ['\u00a0folioAccessToken=a', undefined],
  ['folioAccessToken=a"', undefined],
  ['folioAccessToken=a,b', undefined],
  ['x, folioAccessToken=a', undefined],
  // What it reads although it looks odd.
  ['folioAccessToken="a.b"', 'a.b'],
  [',folioAccessToken=a', 'a'],
  ['x; ,;, \t folioAccessToken=a', 'a'],
  ['x=folioAccessToken; folioAccessToken=a', 'a'],
  ['folioAccessToken; folioAccessToken=a', 'a'],
  ['$Version=folioAccessToken; folioAccessToken=a', 'a'],
  ['folioAccessToken=a b; folioAccessToken=c', 'c'],
  ['folioAccessToken=a; folioAccessTokens=1', 'a'],
  ['folioAccessToken=a=b', 'a=b'],
  // Okapi's TokenHeader refuses two.
  ['folioAccessToken=a; folioAccessToken=a', undefined],
  ['folioAccessToken=a; ,folioAccessToken=b', undefined],
] as const) {
  test(`of the cookies ${JSON.stringify(value)} Okapi takes ${token ?? 'none'}`, (t) => {
    t.is(accessToken(value), token)
  })
}
