import test from 'ava'
import { absoluteNames, parseHosts, parseResolvConf } from '../../src/transport/resolv-conf.ts'

const IN_CLUSTER = `
search folio.svc.cluster.local svc.cluster.local cluster.local example.org
nameserver 10.96.0.10
options ndots:5
`

test('resolv.conf as a cluster writes it', (t) => {
  t.deepEqual(parseResolvConf(IN_CLUSTER), {
    servers: ['10.96.0.10'],
    search: ['folio.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.org'],
    ndots: 5,
  })
})

test('comments, further options, more than three servers, a domain, and the last of search and domain', (t) => {
  const text = `# search a.test
; nameserver 192.0.2.9
nameserver 192.0.2.1 # the first
\tnameserver 192.0.2.2
nameserver fe80::1%eth0
nameserver 192.0.2.4
search one.test two.test.
domain three.test four.test
options rotate ndots:2 timeout:1 ndots:99
sortlist 130.155.160.0
`
  t.deepEqual(parseResolvConf(text), {
    servers: ['192.0.2.1', '192.0.2.2', 'fe80::1%eth0'],
    search: ['three.test'],
    ndots: 15,
  })
  t.deepEqual(parseResolvConf('domain a.test\nsearch b.test c.test.').search, ['b.test', 'c.test'])
  t.deepEqual(parseResolvConf('search a.test\nsearch').search, [])
})

test('without a file it is the server of this machine, and the domain that the machine is in', (t) => {
  const servers = ['127.0.0.1']
  t.deepEqual(parseResolvConf('', 'pod'), { servers, search: [], ndots: 1 })
  t.deepEqual(parseResolvConf('', 'host.example.org').search, ['example.org'])
})

test('with few dots the search domains come first, with many they come last, with one at the end never', (t) => {
  const conf = { servers: [], search: ['a.test', 'b.test'], ndots: 2 }
  t.deepEqual(absoluteNames('okapi', conf), ['okapi.a.test', 'okapi.b.test', 'okapi'])
  t.deepEqual(absoluteNames('okapi.x', conf), ['okapi.x.a.test', 'okapi.x.b.test', 'okapi.x'])
  t.deepEqual(absoluteNames('o.k.x', conf), ['o.k.x', 'o.k.x.a.test', 'o.k.x.b.test'])
  t.deepEqual(absoluteNames('okapi.', conf), ['okapi'])
  const long = `${'a'.repeat(60)}.`.repeat(4).slice(0, -1)
  t.deepEqual(absoluteNames(long, { ...conf, search: ['longer.than.a.name.may.be'] }), [long])
})

test('hosts: names of all columns, all lines, in any case, without comments', (t) => {
  const hosts = parseHosts(`127.0.0.1 localhost
::1\tlocalhost ip6-localhost   # ours
10.1.2.3  Okapi okapi.folio # mod-x
10.1.2.4 OKAPI
10.1.2.4 okapi
not-an-address okapi
# 10.9.9.9 okapi
10.1.2.5`)
  t.deepEqual(hosts.get('localhost'), ['127.0.0.1', '::1'])
  t.deepEqual(hosts.get('okapi'), ['10.1.2.3', '10.1.2.4'])
  t.deepEqual(hosts.get('okapi.folio'), ['10.1.2.3'])
  t.deepEqual([...hosts.keys()].sort(), ['ip6-localhost', 'localhost', 'okapi', 'okapi.folio'])
})
