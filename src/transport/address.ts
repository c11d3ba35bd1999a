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
