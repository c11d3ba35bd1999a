import test from 'ava'
import { OkapiUrl } from '../../src/proxy/okapi-url.ts'

const ORIGIN = 'http://localhost:9130'

for (const [original, path] of [
  ['http://okapi:9130', ''],
  ['http://okapi:9130/', ''],
  ['https://folio.example.org/okapi', '/okapi'],
  ['https://folio.example.org/okapi/', '/okapi'],
  ['HTTPS://folio.example.org/a/b-c_d.e~1', '/a/b-c_d.e~1'],
  ['http://[::1]:9130/x', '/x'],
  ['http://okapi/..', ''],
  ['http://okapi/a/../b', ''],
  ['http://okapi/./b', ''],
  ['http://okapi//b', ''],
  ['http://okapi/a//', ''],
  ['http://okapi/a%2fb', ''],
  ['http://okapi/a;b', ''],
  ['http://okapi/a?b', ''],
  ['http://okapi/a#b', ''],
  ['http://okapi/a b', ''],
  ['ftp://okapi/a', ''],
  ['okapi/a', ''],
  ['', ''],
] as const) {
  test(`X-Okapi-Url ${JSON.stringify(original)} leaves the path ${JSON.stringify(path)}`, (t) => {
    const url = new OkapiUrl(ORIGIN)
    t.is(url.rewrite(original), ORIGIN + path)
    t.is(url.path, path)
    t.is(url.rewrite(original), ORIGIN + path)
  })
}

test('a Location on the rewritten address gets the original back, and no other', (t) => {
  const url = new OkapiUrl(ORIGIN)
  const restore = (location: string) => url.restore(location, 'https://folio.example.org/okapi/')
  t.is(restore(`${ORIGIN}/okapi/users/1`), 'https://folio.example.org/okapi/users/1')
  t.is(restore(`${ORIGIN}/okapi`), 'https://folio.example.org/okapi')
  t.is(restore(`${ORIGIN}/okapi?a`), 'https://folio.example.org/okapi?a')
  t.is(restore(`${ORIGIN}/okapi#a`), 'https://folio.example.org/okapi#a')
  for (const other of [
    `${ORIGIN}/okapis/a`,
    `${ORIGIN}/other`,
    `${ORIGIN}1/okapi/a`,
    '/okapi/a',
    '',
  ]) {
    t.is(restore(other), other)
  }
})

test('the egress takes that path off again, and only as a whole segment', (t) => {
  const url = new OkapiUrl(ORIGIN)
  const length = (target: string) =>
    url.prefixLength(Buffer.from(`GET ${target} HTTP`), 4, 4 + target.length)
  t.is(length('/okapi/users'), 0, 'nothing is known yet')
  url.rewrite('http://okapi/okapi')
  t.is(length('/okapi/users'), 6)
  t.is(length('/okapi/'), 6)
  t.is(length('/okapi'), 0, 'nothing would be left')
  t.is(length('/okapis/users'), 0)
  t.is(length('/OKAPI/users'), 0)
  t.is(length('/a/okapi/users'), 0)
  t.is(length('/okapi?a'), 0)
  url.rewrite('http://okapi/other')
  t.is(length('/okapi/users'), 0)
})

test('a path that is configured is taken off before Okapi’s first call', (t) => {
  const url = new OkapiUrl(`${ORIGIN}/okapi/v1`)
  const length = (target: string) =>
    url.prefixLength(Buffer.from(`GET ${target} HTTP`), 4, 4 + target.length)
  t.is(url.origin, ORIGIN)
  t.is(length('/okapi/v1/users'), 9)
  t.is(length('/okapi/users'), 0)
  t.is(url.rewrite('https://folio.example.org/okapi/v1/'), `${ORIGIN}/okapi/v1`)
  t.is(length('/okapi/v1/users'), 9)
  t.is(url.rewrite('https://folio.example.org/v2'), `${ORIGIN}/v2`, 'Okapi knows better')
  t.is(length('/okapi/v1/users'), 0)
})

test('once the egress is bound its address is the one that is told', (t) => {
  const url = new OkapiUrl('http://localhost')
  url.rewrite('http://okapi/a')
  url.movedTo('http://localhost:4711')
  t.is(url.rewrite('http://okapi/a'), 'http://localhost:4711/a')
})
