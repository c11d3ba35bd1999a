import { isIP, type Server, type Socket, SocketAddress } from 'node:net'

/** A TCP host and port, or the path of a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** `host:port` with IPv6 in brackets, or the path. */
export function formatAddress(address: Address): string {
  if ('path' in address) return address.path
  const { host, port } = address
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** An address in the form that sockets report: `fd00::a` for `FD00:0:0::000A`. */
export function asSocketsTell(address: string): string {
  // A zone is told as it was written.
  if (isIP(address) !== 6 || address.includes('%')) return address
  return new SocketAddress({ address, family: 'ipv6' }).address
}

/** Where a connection comes from, as the log says it. */
export function remoteOf({ remoteAddress, remotePort }: Socket): string {
  if (remoteAddress === undefined || remotePort === undefined) return 'local'
  return formatAddress({ host: remoteAddress, port: remotePort })
}

/** What a listening server is bound to, the port that the system chose included. */
export function boundAddress(server: Server): Address {
  const bound = server.address()
  if (bound === null) throw new Error('the server does not listen')
  return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
}

/**
 * A key for the two ends of a TCP connection, unique among open ones. Undefined when the peer is
 * gone already, and for Unix sockets.
 */
export function connectionKey(socket: Socket): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined) return undefined
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/** The origin of a connection, which stands for one caller if no identity is proven. */
export interface CallerOrigin {
  /** Normalised. An IPv4 address also if it arrived as IPv6 (RFC 4291 section 2.5.5.2). */
  readonly address: string
  /**
   * The first 64 bits of an IPv6 address, because one machine may have all the others. But the pods
   * of a Kubernetes node share them, and are many callers. For IPv4 the address itself.
   */
  readonly network: string
}

/** The origin of a connection, from the address that Node reports. */
export function originOf(remoteAddress: string): CallerOrigin {
  if (isIP(remoteAddress) !== 6) return { address: remoteAddress, network: remoteAddress }
  const groups = groupsOf(remoteAddress.replace(/%.*$/, ''))
  const [a = 0, b = 0] = groups.slice(6)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const address = [a >> 8, a & 0xff, b >> 8, b & 0xff].join('.')
    return { address, network: address }
  }
  const all = groups.map((group) => group.toString(16))
  return { address: all.join(':'), network: `${all.slice(0, 4).join(':')}::/64` }
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const [before, after] = [pairs(head), pairs(tail ?? '')]
  const gap = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<number>(gap).fill(0), ...after]
}

/** Groups of 16 bits; the last two may be written as IPv4. */
function pairs(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
