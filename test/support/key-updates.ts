import { createCipheriv, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { type TLSSocket, TLSSocket as Tls } from 'node:tls'
import type { PublicKeyPair } from '../../src/transport/tls-options.ts'

// A peer whose TLS 1.3 is Node's, but that also writes records of its own: KeyUpdate messages without end, which no
// library sends. Keys as in RFC 8446 section 7; the suite is TLS_AES_128_GCM_SHA256.

/** Asks for no answer (RFC 8446 section 4.6.3), then the type of a handshake record. */
const KEY_UPDATE = Buffer.from([24, 0, 0, 1, 0, 22])
export const KEY_UPDATE_BYTES = 27
const APPLICATION_DATA = 23

/** HKDF-Expand-Label with an empty context, of one block at most. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])])
  return createHmac('sha256', secret).update(info).digest().subarray(0, length)
}

/** That many KeyUpdate records, each under the keys that the one before it announces. */
export function keyUpdates(firstSecret: Buffer, sent: number, count: number): Buffer {
  const all = Buffer.alloc(KEY_UPDATE_BYTES * count)
  let secret = firstSecret
  let sequence = sent
  for (let at = 0; at < all.length; at += KEY_UPDATE_BYTES) {
    const header = all.subarray(at, at + 5)
    header.set([APPLICATION_DATA, 3, 3, 0, KEY_UPDATE_BYTES - 5])
    const nonce = expand(secret, 'iv', 12)
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
    const cipher = createCipheriv('aes-128-gcm', expand(secret, 'key', 16), nonce)
    cipher.setAAD(header)
    all.set(cipher.update(KEY_UPDATE), at + 5)
    cipher.final()
    all.set(cipher.getAuthTag(), at + 5 + KEY_UPDATE.length)
    secret = expand(secret, 'traffic upd', 32)
    sequence = 0
  }
  return all
}

/** A connection that the server of a test has accepted. */
export interface Flooder {
  readonly socket: TLSSocket
  /** Bytes that it has received. */
  readonly raw: Socket
  /** Sends so many KeyUpdate messages; after them the peer understands no data of Node's. */
  flood(count: number): void
}

/** Counts the records of data that Node writes once the handshake is over: their number is part of each nonce. */
class RecordCount {
  records = 0
  #left = 0
  #header = Buffer.alloc(0)

  add(bytes: Buffer): void {
    let rest = Buffer.concat([this.#header, bytes])
    while (rest.length > this.#left + 4) {
      rest = rest.subarray(this.#left)
      this.records++
      this.#left = 5 + rest.readUInt16BE(3)
    }
    const used = Math.min(this.#left, rest.length)
    this.#left -= used
    this.#header = Buffer.from(rest.subarray(used))
  }
}

/** A server for mutual TLS 1.3 that shows this certificate; `serve` gets each connection after its handshake. */
export async function floodingServer(
  pair: PublicKeyPair,
  alpn: string,
  serve: (flooder: Flooder) => void,
  port = 0,
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((raw) => {
    raw.on('error', () => raw.destroy())
    const [near, far] = duplexPair()
    const count = new RecordCount()
    let isOver = false
    let secret = Buffer.alloc(0)
    raw.on('data', (bytes) => far.write(bytes))
    raw.on('close', () => far.destroy())
    far.on('data', (bytes: Buffer) => {
      if (isOver) count.add(bytes)
      if (!raw.destroyed) raw.write(bytes)
    })
    const socket = tlsOver(near, pair, alpn)
    socket.on('error', () => raw.destroy())
    socket.on('keylog', (line: Buffer) => {
      const [label, , hex] = String(line).trim().split(' ')
      if (label === 'SERVER_TRAFFIC_SECRET_0') secret = Buffer.from(hex!, 'hex')
    })
    socket.on('secure', () => {
      isOver = true
      serve({
        ...{ socket, raw },
        flood: (messages) => void raw.write(keyUpdates(secret, count.records, messages)),
      })
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

function tlsOver(stream: Duplex, pair: PublicKeyPair, alpn: string): TLSSocket {
  return new Tls(
    stream as Socket,
    {
      ...{ isServer: true, ...pair, ALPNProtocols: [alpn], requestCert: true },
      ...{ rejectUnauthorized: false, minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' },
    } as ConstructorParameters<typeof Tls>[1],
  )
}
