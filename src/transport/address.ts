import { isIP, type Server, type Socket } from 'node:net'

/** A TCP host and port, or the path of a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** `host:port` with IPv6 in brackets, or the path. */
export function formatAddress(address: Address): string {
  if ('path' in address) return address.path
  const { host, port } = address
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** What a listening server is bound to, the port that the system chose included. */
export function boundAddress(server: Server): Address {
  const bound = server.address()
  if (bound === null) throw new Error('the server does not listen')
  return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
}

/**
 * One key for the two ends of a TCP connection: unique among those that live. Undefined when the
 * peer is gone already, and for Unix sockets.
 */
export function connectionKey(socket: Socket): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined) return undefined
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/**
 * What stands for one caller where nothing is proven: an IPv4 address, also where it is written as
 * IPv6, or the first 64 bits of an IPv6 address, of which any machine may have the rest to itself.
 */
export function networkOf(remoteAddress: string): string {
  if (!remoteAddress.includes(':')) return remoteAddress
  const mapped = /^::ffff:([\d.]+)$/i.exec(remoteAddress)
  if (mapped !== null) return mapped[1]!
  const [before = '', after] = remoteAddress.replace(/%.*$/, '').split('::')
  const groups = before === '' ? [] : before.split(':')
  if (after !== undefined) {
    const last = after === '' ? [] : after.split(':')
    const dotted = last.at(-1)?.includes('.') ? 1 : 0
    while (groups.length + last.length + dotted < 8) groups.push('0')
    groups.push(...last)
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}
