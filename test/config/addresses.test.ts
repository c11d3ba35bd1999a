import test from 'ava'
import {
  addressesOf,
  formatListen,
  isLoopback,
  type Parsed,
  parseForward,
  parseListen,
  parsePeer,
  parsePortRange,
  parseTemplate,
  parseUnixSocket,
} from '../../src/config/addresses.ts'

function right<T>(parsed: Parsed<T>): T {
  if ('wrong' in parsed) throw new Error(parsed.wrong)
  return parsed.value
}

test('listeners are an address, a name or a Unix socket', (t) => {
  t.deepEqual(right(parseListen('127.0.0.1:0')), { host: '127.0.0.1', port: 0 })
  t.deepEqual(right(parseListen('[::1]:65535')), { host: '::1', port: 65535 })
  t.deepEqual(right(parseListen('localhost:80')), { host: 'localhost', port: 80 })
  t.deepEqual(right(parseListen('unix:/run/a.sock')), { path: '/run/a.sock' })
})

test('a text that could mean two addresses is refused', (t) => {
  const wrong = [
    '',
    '8443',
    ':8443',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:123456',
    '127.0.0.1:-1',
    '127.0.0.1:80 ',
    ' 127.0.0.1:80',
    '127.0.0.1:80\n',
    '127.1:80',
    '2130706433:80',
    '0x7f000001.:80',
    '256.0.0.1:80',
    '::1:80',
    '[::1]',
    '[::1%lo]:80',
    '[127.0.0.1]:80',
    '[zz]:80',
    'a..b:80',
    '-a:80',
    'a/b:80',
    'a@b:80',
    'http://a:80',
    'a:1-2',
    'unix:run/a.sock',
    `unix:/${'a'.repeat(107)}`,
  ]
  for (const text of wrong) t.true('wrong' in parseListen(text), JSON.stringify(text))
})

test('a listener reads as it was written', (t) => {
  for (const text of ['127.0.0.1:1', '[::1]:0', 'localhost:80', 'unix:/run/a']) {
    t.is(formatListen(right(parseListen(text))), text)
  }
})

test('a range of ports has both its ends', (t) => {
  t.deepEqual(right(parsePortRange('127.0.0.1:1-3')), { host: '127.0.0.1', from: 1, to: 3 })
  t.deepEqual(right(parsePortRange('127.0.0.1:0')), { host: '127.0.0.1', from: 0, to: 0 })
  for (const text of ['127.0.0.1:3-1', '127.0.0.1:0-3', '127.0.0.1:1-65536', 'unix:/a', '1-2']) {
    t.true('wrong' in parsePortRange(text), text)
  }
})

test('peers are https and forwards are http, with nothing behind the port', (t) => {
  t.deepEqual(right(parsePeer('https://okapi')), { host: 'okapi', port: 443, authority: 'okapi' })
  t.deepEqual(right(parsePeer('https://[::1]:8443/')), {
    host: '::1',
    port: 8443,
    authority: '[::1]:8443',
  })
  t.deepEqual(right(parsePeer('https://okapi.folio.svc.cluster.local.:8443')), {
    host: 'okapi.folio.svc.cluster.local.',
    port: 8443,
    authority: 'okapi.folio.svc.cluster.local:8443',
  })
  t.deepEqual(right(parsePeer('https://okapi.')), { host: 'okapi.', port: 443, authority: 'okapi' })
  t.deepEqual(right(parseForward('unix:/a')), { path: '/a', authority: 'localhost' })
  const wrong = [
    'http://okapi:8443',
    'https://okapi:8443/path',
    'https://okapi:8443?q',
    'https://okapi:8443#f',
    'https://user@okapi:8443',
    'https://okapi:0',
    'https://okapi:1-2',
    'https://',
    'HTTPS://okapi',
    'https://okapi:8443//',
    'https://okapi..:8443',
    'https://.:8443',
    'https://.okapi:8443',
    'https://127.0.0.1.:8443',
    'https://okapi\\x',
  ]
  for (const text of wrong) t.true('wrong' in parsePeer(text), text)
  t.true('wrong' in parseForward('https://127.0.0.1:1'))
})

test('loopback is both families and nothing that looks like it', (t) => {
  const hosts = ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LOCALHOST']
  hosts.push('localhost.')
  for (const host of hosts) t.true(isLoopback({ host }), host)
  const others = [
    '0.0.0.0',
    '::',
    '128.0.0.1',
    '::2',
    'localhost.evil.org',
    'localhost..',
    '127.0.0.1.nip.io',
  ]
  for (const host of others) t.false(isLoopback({ host }), host)
})

const CALLEE = { id: 'mod-users-19.7.0', product: 'mod-users', version: '19.7.0' }

test('addresses of a module: its id, its product, then all others', (t) => {
  const addressing = {
    'mod-users-19.7.0': ['https://exact:1'],
    'mod-users': ['https://product:1'],
    '*': ['https://{product}-{version}:1', 'https://{module}.svc:2'],
  }
  const hosts = (callee: typeof CALLEE, table = addressing) =>
    addressesOf(table, callee).map(({ authority }) => authority)
  t.deepEqual(hosts(CALLEE), ['exact:1'])
  t.deepEqual(hosts({ ...CALLEE, id: 'mod-users-19.8.0', version: '19.8.0' }), ['product:1'])
  t.deepEqual(hosts({ id: 'mod-a-1.0.0', product: 'mod-a', version: '1.0.0' }), [
    'mod-a-1.0.0:1',
    'mod-a-1.0.0.svc:2',
  ])
})

test('a module named like a part of every object has no address of its own', (t) => {
  for (const product of ['constructor', '__proto__', 'toString']) {
    const callee = { id: `${product}-1.0.0`, product, version: '1.0.0' }
    t.deepEqual(addressesOf({ 'mod-users': ['https://a:1'] }, callee), [])
  }
})

test('a version that makes no host name has no address', (t) => {
  const callee = { id: 'mod-a-1/x', product: 'mod-a', version: '1/x@evil' }
  t.deepEqual(addressesOf({ '*': ['https://{version}:1'] }, callee), [])
  const dollar = { ...CALLEE, version: '$&' }
  t.deepEqual(addressesOf({ '*': ['https://{version}:1'] }, dollar), [])
})

test('templates know three names', (t) => {
  t.deepEqual(parseTemplate('https://{product}:8443'), { value: 'https://{product}:8443' })
  for (const template of [
    'https://{host}:1',
    'https://{product:1',
    '{product}',
    'https://a:1/{module}',
  ]) {
    t.true('wrong' in parseTemplate(template), template)
  }
})

test('the socket of an agent, in both spellings', (t) => {
  for (const text of ['unix:/run/agent.sock', 'unix:///run/agent.sock']) {
    t.deepEqual(parseUnixSocket(text), { value: { path: '/run/agent.sock' } }, text)
  }
  const wrong = ['/run/agent.sock', 'unix:agent.sock', 'unix://agent.sock', 'unix:////agent.sock']
  for (const text of [
    ...wrong,
    'tcp://127.0.0.1:8000',
    'unix:',
    'unix:/',
    `unix:/${'a'.repeat(120)}`,
  ]) {
    t.true('wrong' in parseUnixSocket(text), text)
  }
})
