import test from 'ava'
import { originOf } from '../../src/transport/address.ts'

for (const [address, network] of [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7'],
  ['::ffff:0.0.0.1', '0.0.0.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:ffff:ffff:ffff:ffff', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::', '2001:db8:0:1::/64'],
  ['2001:0DB8:00:1:0:0:0:5', '2001:db8:0:1::/64'],
  ['1::2:3:4:5:6', '1:0:0:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  // Compatible, translated and NAT64 addresses are no IPv4-mapped ones.
  ['::192.0.2.7', '0:0:0:0::/64'],
  ['::ffff:0:192.0.2.7', '0:0:0:0::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['fe80::2%eth1', 'fe80:0:0:0::/64'],
] as const) {
  test(`${address} counts as ${network}`, (t) => {
    t.is(originOf(address).network, network)
  })
}

for (const [one, other] of [
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8::0:1', '2001:DB8:0::1'],
  ['fe80::1%eth0', 'fe80::1'],
] as const) {
  test(`${one} and ${other} are one address`, (t) => {
    t.deepEqual(originOf(one), originOf(other))
  })
}

test('addresses of one network are several', (t) => {
  const [one, other] = ['fd00:10:244::10', 'fd00:10:244::11'].map(originOf)
  t.is(one!.network, other!.network)
  t.not(one!.address, other!.address)
})

test('a text that is no address is its own network', (t) => {
  for (const text of ['', 'local']) t.deepEqual(originOf(text), { address: text, network: text })
})
