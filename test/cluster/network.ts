/** One family of addresses: the network of all pods, and what API server and controllers are told. */
export interface Family {
  readonly name: 'ipv4' | 'ipv6'
  /** The machine's side of the bridge, with which every node is called. */
  readonly address: string
  readonly bits: number
  readonly network: string
  /** The first address that a pod gets. */
  readonly first: string
  /** Where addresses of Services would be. */
  readonly services: string
  readonly anywhere: string
}

const ALL: Readonly<Record<Family['name'], Family>> = {
  ipv4: {
    name: 'ipv4',
    address: '10.244.0.1',
    bits: 24,
    network: '10.244.0.0/24',
    first: '10.244.0.10',
    services: '10.245.0.0/24',
    anywhere: '0.0.0.0/0',
  },
  ipv6: {
    name: 'ipv6',
    address: 'fd00:10:244::1',
    bits: 64,
    network: 'fd00:10:244::/64',
    first: 'fd00:10:244::10',
    services: 'fd00:10:245::/112',
    anywhere: '::/0',
  },
}

/**
 * What pods and Services have addresses of; of the first one they are called. `CLUSTER_FAMILIES=ipv6` is a cluster
 * without IPv4, `ipv6,ipv4` one where IPv6 comes first.
 */
export const FAMILIES: readonly Family[] = (process.env['CLUSTER_FAMILIES'] ?? 'ipv4,ipv6')
  .split(',')
  .map((name) => {
    const family = ALL[name as Family['name']]
    if (family === undefined) throw new Error(`CLUSTER_FAMILIES: ${name} is neither ipv4 nor ipv6`)
    return family
  })

/** The machine's address on the pods' network, in the first family. */
export const BRIDGE_ADDRESS = FAMILIES[0]!.address

/** In brackets where a port comes after it. */
export function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** The configuration of the bridge plugin. `dataDir` is where it remembers which addresses are taken. */
export function podNetwork(dataDir: string): object {
  const ipam = {
    type: 'host-local',
    dataDir,
    ranges: FAMILIES.map(({ network, first }) => [{ subnet: network, rangeStart: first }]),
    routes: FAMILIES.map(({ anywhere }) => ({ dst: anywhere })),
  }
  const bridge = {
    type: 'bridge',
    bridge: 'pods',
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam,
  }
  return { cniVersion: '1.0.0', name: 'pods', plugins: [bridge] }
}
