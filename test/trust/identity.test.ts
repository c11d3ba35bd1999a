import test from 'ava'
import fc from 'fast-check'
import { isRefusal } from '../../src/refusal/refusal.ts'
import { identityOf, identityOfUri, readSpiffeId, spiffeUri } from '../../src/trust/identity.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { implicit, oid, utf8 } from '../support/der.ts'
import { type CertificateOptions, makeCa } from '../support/pki.ts'

const GOOD = 'spiffe://folio.test/module/mod-users-19.7.0'
const context = { trustDomain: 'folio.test', foreign: new Map<string, string>() }

async function identityFrom(options: CertificateOptions, over = {}) {
  const ca = await makeCa(undefined, 'root1')
  const { certDer } = await ca.issue(options)
  return identityOf(parseCertificate(certDer), { ...context, ...over })
}

test('a module', async (t) => {
  t.deepEqual(await identityFrom({ uri: [GOOD] }), {
    kind: 'module',
    trustDomain: 'folio.test',
    id: 'mod-users-19.7.0',
    product: 'mod-users',
    version: '19.7.0',
    uri: GOOD,
  })
})

test('an operator and a client', async (t) => {
  for (const kind of ['operator', 'client'] as const) {
    const uri = spiffeUri('folio.test', kind, 'Anna.B_1')
    const expected = { kind, trustDomain: 'folio.test', name: 'Anna.B_1', uri }
    t.deepEqual(await identityFrom({ uri: [uri] }), expected)
  }
})

test('product and version are split as Okapi does and compared whole', (t) => {
  const parts = (id: string) => {
    const read = readSpiffeId(spiffeUri('folio.test', 'module', id))
    return read?.kind === 'module' ? [read.product, read.version] : undefined
  }
  t.deepEqual(parts('mod-users-bl-7.1.0'), ['mod-users-bl', '7.1.0'])
  t.deepEqual(parts('mod-users-19.7.0-SNAPSHOT.3'), ['mod-users', '19.7.0-SNAPSHOT.3'])
  t.deepEqual(parts('okapi-test-module-1'), ['okapi-test-module', '1'])
  t.is(parts('mod-2fa-1.0.0'), undefined, 'Okapi cannot read it either')
})

test('names of other types beside the one URI say nothing', async (t) => {
  const beside = {
    dns: ['mod-login', 'spiffe://folio.test/module/mod-login-1.0.0'],
    ip: ['127.0.0.1'],
    email: ['spiffe://folio.test/operator/root'],
  }
  const identity = await identityFrom({ cn: 'mod-login-1.0.0', uri: [GOOD], ...beside })
  t.like(identity, { id: 'mod-users-19.7.0' })
})

const hostileUris: Readonly<Record<string, string>> = {
  'NUL at the end': `${GOOD}\0`,
  'NUL and more': `${GOOD}\0.evil.test`,
  'NUL inside the trust domain': 'spiffe://folio.test\0.evil/module/mod-users-19.7.0',
  'a percent': 'spiffe://folio.test/module/mod%2Dusers-19.7.0',
  'an encoded slash': 'spiffe://folio.test/module%2Fmod-users-19.7.0',
  'upper case in the scheme': 'SPIFFE://folio.test/module/mod-users-19.7.0',
  'upper case in the trust domain': 'spiffe://Folio.test/module/mod-users-19.7.0',
  'upper case in the kind': 'spiffe://folio.test/Module/mod-users-19.7.0',
  'a slash at the end': `${GOOD}/`,
  'two slashes': 'spiffe://folio.test//module/mod-users-19.7.0',
  'a segment too many': `${GOOD}/x`,
  'a segment too few': 'spiffe://folio.test/module',
  'an empty id': 'spiffe://folio.test/module/',
  'a port': 'spiffe://folio.test:443/module/mod-users-19.7.0',
  'user information': 'spiffe://a@folio.test/module/mod-users-19.7.0',
  'a query': `${GOOD}?x`,
  'a fragment': `${GOOD}#x`,
  'white space before': ` ${GOOD}`,
  'white space after': `${GOOD} `,
  'a line feed after': `${GOOD}\n`,
  'another scheme': 'https://folio.test/module/mod-users-19.7.0',
  'another trust domain': 'spiffe://folio.test.evil/module/mod-users-19.7.0',
  'a trust domain in front': 'spiffe://evil.folio.test/module/mod-users-19.7.0',
  'a dot at the end of the trust domain': 'spiffe://folio.test./module/mod-users-19.7.0',
  'no trust domain': 'spiffe:///module/mod-users-19.7.0',
  'another kind': 'spiffe://folio.test/ns/folio/sa/mod-users',
  'a module without a version': 'spiffe://folio.test/module/mod-users',
  'a version without a module': 'spiffe://folio.test/module/-19.7.0',
  'a dot segment': 'spiffe://folio.test/operator/..',
  'a plus': 'spiffe://folio.test/module/mod-users-19.7.0+1',
  'letters that only look alike': 'spiffe://folio.test/module/mod-us\u0435rs-19.7.0',
  nothing: '',
}
for (const [name, uri] of Object.entries(hostileUris)) {
  test(`refused as bad-identity: ${name}`, async (t) => {
    const bytes = implicit(6, Buffer.from(uri, 'utf8'))
    t.like(await identityFrom({ names: [bytes] }), { reason: 'bad-identity' })
  })
}

test('refused: no URI, though the common name and every other type name a module', async (t) => {
  const other = Buffer.concat([oid('1.3.6.1.4.1.311.20.2.3'), Buffer.from([0xa0]), utf8(GOOD)])
  const names = [implicit(0, other)]
  names[0]![0] = 0xa0
  const options = { cn: GOOD, dns: [GOOD], email: [GOOD], names }
  t.like(await identityFrom(options), { reason: 'bad-identity' })
  t.like(await identityFrom({ cn: 'mod-users-19.7.0' }), { reason: 'bad-identity' })
})

test('refused: two URIs, even the same twice, in either order', async (t) => {
  const other = 'spiffe://folio.test/module/mod-login-1.0.0'
  for (const uri of [
    [GOOD, GOOD],
    [GOOD, other],
    [other, GOOD],
    [GOOD, 'https://folio.test/'],
  ]) {
    t.like(await identityFrom({ uri }), { reason: 'bad-identity' })
  }
})

test('foreign ids only through the table, byte for byte', async (t) => {
  const uri = 'spiffe://cluster.local/ns/folio/sa/mod-users'
  const foreign = new Map([[uri, 'mod-users-19.7.0']])
  t.like(await identityFrom({ uri: [uri] }, { foreign }), {
    kind: 'module',
    id: 'mod-users-19.7.0',
    product: 'mod-users',
    trustDomain: 'cluster.local',
    uri,
  })
  for (const near of [`${uri}/`, `${uri}2`, uri.replace('local', 'Local')]) {
    t.like(await identityFrom({ uri: [near] }, { foreign }), { reason: 'bad-identity' })
  }
})

test('the table cannot rename a module of our own scheme, nor name one without a version', (t) => {
  const foreign = new Map([
    [GOOD, 'mod-login-1.0.0'],
    ['spiffe://cluster.local/ns/a/sa/b', 'mod-users'],
    ['spiffe://other.test/module/mod-users-1.0.0', 'mod-tags-1.0.0'],
  ])
  t.like(identityOfUri(GOOD, { ...context, foreign }), { id: 'mod-users-19.7.0' })
  const noVersion = identityOfUri('spiffe://cluster.local/ns/a/sa/b', { ...context, foreign })
  t.like(noVersion, { reason: 'bad-identity' })
  const mapped = identityOfUri('spiffe://other.test/module/mod-users-1.0.0', {
    ...context,
    foreign,
  })
  t.like(mapped, { id: 'mod-tags-1.0.0' })
})

test('trust domains are lower-case names', (t) => {
  const read = (domain: string) => readSpiffeId(spiffeUri(domain, 'operator', 'anna'))
  for (const good of ['folio.test', 'a', 'folio-1.example_x.org']) {
    t.is(read(good)?.trustDomain, good)
  }
  for (const bad of ['', 'Folio.test', 'a/b', 'a:1', 'a b', 'ü.test']) t.is(read(bad), undefined)
})

test('every id of SPIFFE characters that has a version goes there and back', (t) => {
  const product = fc.stringMatching(/^[a-z]+(-[a-z]+){0,3}$/)
  const version = fc.stringMatching(/^[1-9][0-9]{0,2}(\.[0-9]{1,3}){0,2}(-[A-Z]{1,8})?$/)
  fc.assert(
    fc.property(product, version, (name, number) => {
      const uri = spiffeUri('folio.test', 'module', `${name}-${number}`)
      t.like(readSpiffeId(uri), { product: name, version: number, id: `${name}-${number}` })
    }),
  )
})

test('one byte inserted or changed gives another identity or none, never the same', (t) => {
  fc.assert(
    fc.property(fc.nat(GOOD.length), fc.nat(255), fc.boolean(), (at, byte, insert) => {
      const changed =
        GOOD.slice(0, at) + String.fromCharCode(byte) + GOOD.slice(insert ? at : at + 1)
      fc.pre(changed !== GOOD)
      const identity = identityOfUri(changed, context)
      if (isRefusal(identity)) return
      t.true(identity.kind !== 'module' || identity.id !== 'mod-users-19.7.0')
      t.is(identity.uri, changed)
    }),
    { numRuns: 3000 },
  )
})
