import test from 'ava'
import fc from 'fast-check'
import { Fault } from '../../src/fault.ts'
import { dnsName, ipAddress, subject, subjectOfUri, trustDomain } from '../../src/pki/naming.ts'

test('a title becomes one SPIFFE id and is found again from it', (t) => {
  const cases = [
    ['mod-users-19.7.0', 'module/mod-users-19.7.0', false],
    ['mod-users-bl-7.9.0-SNAPSHOT.123', 'module/mod-users-bl-7.9.0-SNAPSHOT.123', false],
    ['edge-oai-pmh-2.10', 'module/edge-oai-pmh-2.10', false],
    ['okapi-7.2.0', 'module/okapi-7.2.0', true],
    ['okapi-console-1.0.0', 'module/okapi-console-1.0.0', true],
    ['OKAPI-7.2.0', 'module/OKAPI-7.2.0', true],
    ['operator/anna', 'operator/anna', true],
    ['client/sms', 'client/sms', true],
  ] as const
  for (const [title, path, powerful] of cases) {
    const named = subject(title, 'folio.test')
    t.is(named.uri, `spiffe://folio.test/${path}`)
    t.is(named.powerful, powerful, title)
    t.deepEqual(subjectOfUri(named.uri, 'folio.test'), named)
    t.is(subjectOfUri(named.uri, 'other.test'), undefined)
  }
})

test('a text that is no name is refused', (t) => {
  const wrong = [
    ...['', '.', '..', '/', 'mod-users', '-1.0.0', '1.0.0', 'mod-2fa-1.0.0', 'mod-users-19.7.0/'],
    ...['mod-users-19.7.0+build', 'mod users-1.0.0', 'mod-users-1.0.0\n', 'mod%2fusers-1.0.0'],
    ...['module/mod-users-1.0.0', 'operator/', 'operator/a/b', 'operator/..', 'client/.', 'x/y'],
    ...['mod-users-1..0', 'mod-üsers-1.0.0', `mod-${'x'.repeat(130)}-1.0.0`, '../mod-a-1.0.0'],
  ]
  for (const title of wrong) {
    t.throws(() => subject(title, 'folio.test'), { instanceOf: Fault }, title)
  }
})

test('no title, whatever it is, leaves its folder or makes two segments', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((s) => `operator/${s}`),
      ),
      (title) => {
        let uri: string
        try {
          uri = subject(title, 'folio.test').uri
        } catch {
          return
        }
        t.regex(uri, /^spiffe:\/\/folio\.test\/(module|operator|client)\/[A-Za-z0-9._-]+$/)
        t.notRegex(uri, /\/\.{1,2}$/)
      },
    ),
    { numRuns: 500 },
  )
})

test('trust domains are lower case, without port, path or escapes', (t) => {
  for (const good of ['folio.test', 'a', 'folio_1.example-2.org']) t.is(trustDomain(good), good)
  const wrong = ['', 'Folio', 'folio:1', 'a/b', 'a%20', '-a', 'a.', '.a', 'a..b', 'fölio', 'a b']
  for (const bad of wrong) t.throws(() => trustDomain(bad), { instanceOf: Fault }, bad)
})

test('a DNS name is a name, and an address an address', (t) => {
  for (const good of ['mod-users', 'mod-users.folio.svc.cluster.local', '_x.a1']) {
    t.is(dnsName(good), good)
  }
  // Certificates hold it without the dot that keeps search domains away.
  t.is(dnsName('mod-users.folio.svc.cluster.local.'), 'mod-users.folio.svc.cluster.local')
  const wrong = [
    '',
    '*',
    '*.folio',
    'a..b',
    'a..',
    '.',
    '-a',
    'a-',
    '127.0.0.1',
    '::1',
    'a b',
    'a/b',
    'a:1',
  ]
  for (const bad of wrong) t.throws(() => dnsName(bad), { instanceOf: Fault }, bad)
  for (const good of ['10.0.0.1', '::1']) t.is(ipAddress(good), good)
  for (const bad of ['', 'localhost', '10.0.0', 'fe80::1%eth0', '10.0.0.1:80']) {
    t.throws(() => ipAddress(bad), { instanceOf: Fault }, bad)
  }
})
