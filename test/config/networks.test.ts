import { BlockList } from 'node:net'
import test from 'ava'
import fc from 'fast-check'
import { isInNetworks, isNarrow, type Network, parseNetwork } from '../../src/config/networks.ts'

function networkOf(text: string): Network {
  const parsed = parseNetwork(text)
  if ('wrong' in parsed) throw new Error(parsed.wrong)
  return parsed.value
}

function listed(networks: readonly string[], address: string | undefined): boolean {
  return isInNetworks(networks.map(networkOf), address)
}

const IN = [
  ['10.1.2.3', '10.1.2.3'],
  ['10.1.2.3/32', '10.1.2.3'],
  ['10.0.0.0/8', '10.255.255.255'],
  ['10.1.2.0/24', '10.1.2.255'],
  ['10.1.2.128/25', '10.1.2.128'],
  // As a socket of both families tells an IPv4 caller, and as a person may write one.
  ['10.1.2.3', '::ffff:10.1.2.3'],
  ['10.1.2.0/24', '::ffff:0a01:0203'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.0/120', '10.1.2.77'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['FD00:0:0:1::/64', 'fd00:0:0:1:ffff:ffff:ffff:ffff'],
  ['fd00::/48', 'fd00::1'],
  ['fd00::1.2.3.4', 'fd00::102:304'],
] as const

const OUT = [
  ['10.1.2.3', '10.1.2.4'],
  ['10.0.0.0/8', '11.0.0.0'],
  ['10.1.2.0/24', '10.1.3.0'],
  ['10.1.2.128/25', '10.1.2.127'],
  ['10.1.2.3', 'fd00::10.1.2.3'],
  // IPv4-compatible, 6to4 and NAT64 addresses are not the IPv4 address that stands in them.
  ['10.1.2.3', '::10.1.2.3'],
  ['10.1.2.3', '2002:a01:203::'],
  ['10.1.2.3', '64:ff9b::10.1.2.3'],
  ['10.1.2.3', '::ffff:0:10.1.2.3'],
  // An IPv4 caller’s mapped address is in `::/64` when bytes are compared.
  ['::1/128', '::ffff:0.0.0.1'],
  ['fd00:0:0:1::/64', 'fd00:0:0:2::'],
  ['fe80::1', 'fe80::1%eth0'],
] as const

for (const [network, address] of IN) {
  test(`${network} lists ${address}`, (t) => t.true(listed([network], address)))
}
for (const [network, address] of OUT) {
  test(`${network} does not list ${address}`, (t) => t.false(listed([network], address)))
}

test('a text that is not an address is in no list', (t) => {
  for (const address of [undefined, '', 'localhost', '10.1.2', '010.1.2.3', '10.1.2.3 ', '::/0']) {
    t.false(listed(['10.0.0.0/8', 'fd00::/48', '::1'], address), String(address))
  }
})

test('a list of all addresses, and a text that is not an address, is refused', (t) => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['0.0.0.0/0', /wider than \/8/],
    ['10.0.0.0/7', /wider than \/8/],
    ['::/0', /wider than \/48/],
    ['fd00::/47', /wider than \/48/],
    // All of IPv4, and half of it, in IPv6's clothes.
    ['::ffff:0:0/96', /wider than \/8/],
    ['::ffff:128.0.0.0/97', /wider than \/8/],
    ['::ffff:0:0/95', /wider than \/8/],
    ['::/64', /not an address that a caller can have/],
    ['0.0.0.0', /not an address that a caller can have/],
    ['0.0.0.0/8', /not an address that a caller can have/],
    ['::', /not an address that a caller can have/],
    ['10.1.2.3/24', /bits set after its \/24/],
    ['fd00::1/64', /bits set after its \/64/],
    ['10.1.2.3/33', /no such network/],
    ['fd00::/129', /no such network/],
    ['okapi', /must be addresses/],
    ['localhost', /must be addresses/],
    ['10.1.2', /must be addresses/],
    ['010.1.2.3', /must be addresses/],
    ['10.1.2.3/', /must be addresses/],
    ['10.1.2.3/-1', /must be addresses/],
    ['10.1.2.3/0x8', /must be addresses/],
    ['10.1.2.0/255.255.255.0', /must be addresses/],
    ['10.1.2.3-10.1.2.9', /must be addresses/],
    ['[::1]', /must be addresses/],
    ['fe80::1%eth0', /must be addresses/],
    ['10.1.2.3:8081', /must be addresses/],
    ['*', /must be addresses/],
    ['', /must be addresses/],
  ]
  for (const [text, wrong] of refused) {
    const parsed = parseNetwork(text)
    if ('value' in parsed) t.fail(text)
    else t.regex(parsed.wrong, wrong, text)
  }
})

test('one subnet is narrow, more is not', (t) => {
  for (const text of ['10.1.2.3', '10.1.2.0/24', 'fd00::/64', 'fd00::1']) {
    t.true(isNarrow(networkOf(text)), text)
  }
  for (const text of ['10.1.2.0/23', '10.0.0.0/8', 'fd00::/63', 'fd00::/48']) {
    t.false(isNarrow(networkOf(text)), text)
  }
})

const four = fc.ipV4()
const group = fc.integer({ min: 0, max: 0xffff })
const six = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .filter((groups) => groups[0]! > 0)
  .map((groups) => groups.map((one) => one.toString(16)).join(':'))

/** The network of this length that an address stands in, by turning bits off in its text form. */
function blockOf(address: string, bits: number): string {
  const isFour = address.includes('.')
  const [width, each, glue] = isFour ? [8, 10, '.'] : [16, 16, ':']
  const parts = address.split(glue).map((part, i) => {
    const kept = Math.max(0, Math.min(width, bits - i * width))
    const mask = (2 ** width - 1) ^ (2 ** (width - kept) - 1)
    return (Number.parseInt(part, each) & mask).toString(each)
  })
  return `${parts.join(glue)}/${bits}`
}

test('addresses are matched as Node’s own BlockList does', (t) => {
  let inside = 0
  const flipped = (address: string, bit: number) => {
    const isFour = address.includes('.')
    const [width, base, glue] = isFour ? [8, 10, '.'] : [16, 16, ':']
    const parts = address.split(glue)
    const at = Math.floor(bit / width)
    const value = Number.parseInt(parts[at]!, base) ^ (1 << (width - 1 - (bit % width)))
    return [...parts.slice(0, at), value.toString(base), ...parts.slice(at + 1)].join(glue)
  }
  const arm = (
    address: fc.Arbitrary<string>,
    family: 'ipv4' | 'ipv6',
    least: number,
    all: number,
  ) =>
    fc.assert(
      fc.property(
        address,
        fc.integer({ min: least, max: all }),
        fc.integer({ min: 0, max: all - 1 }),
        (one, bits, bit) => {
          const block = blockOf(one, bits)
          fc.pre(!/^[0.:]*\//.test(block))
          const oracle = new BlockList()
          oracle.addSubnet(block.split('/')[0]!, bits, family)
          for (const asked of [one, flipped(one, bit)]) {
            const expected = oracle.check(asked, family)
            if (expected) inside++
            t.is(listed([block], asked), expected, `${block} ${asked}`)
            if (family === 'ipv4') t.is(listed([block], `::ffff:${asked}`), expected)
          }
        },
      ),
    )
  arm(four, 'ipv4', 8, 32)
  arm(six, 'ipv6', 48, 128)
  t.true(inside > 100)
})

test('whatever is written as a network, no more than one side of the world is in it', (t) => {
  const text = fc
    .oneof(fc.string(), fc.ipV4Extended(), fc.ipV6(), fc.ipV4())
    .chain((address) =>
      fc.constantFrom('', '/0', '/1', '/7', '/8', '/31', '/64', '/128').map((end) => address + end),
    )
  const ends = ['1.1.1.1', '129.1.1.1', '200.1.1.1', '::ffff:64.1.1.1', '2001:db8::1', 'fd00::1']
  fc.assert(
    fc.property(text, (one) => {
      const parsed = parseNetwork(one)
      if ('wrong' in parsed) return
      t.true(ends.filter((address) => isInNetworks([parsed.value], address)).length <= 1, one)
    }),
  )
})
