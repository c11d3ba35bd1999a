import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { ALPN_LINK } from '../wire/link/frames.ts'

export { ALPN_LINK }

/** Have the two sides agreed on a link? Everyone else speaks HTTP/1.1. */
export function speaksLink(socket: Socket | null): boolean {
  return socket instanceof TLSSocket && socket.alpnProtocol === ALPN_LINK
}
