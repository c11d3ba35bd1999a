import { createCipheriv, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { type TLSSocket, TLSSocket as Tls, connect as tlsConnect } from 'node:tls'
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
    const [key, iv] = [expand(secret, 'key', 16), expand(secret, 'iv', 12)]
    seal(all.subarray(at, at + KEY_UPDATE_BYTES), key, iv, sequence, KEY_UPDATE)
    secret = expand(secret, 'traffic upd', 32)
    sequence = 0
  }
  return all
}

/** That many NewSessionTicket messages (RFC 8446 section 4.6.1), each in a record of its own, under one key. */
export function sessionTickets(secret: Buffer, sent: number, count: number): Buffer {
  const ticket = Buffer.from([4, 0, 0, 15, 0, 0, 0, 1, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 0, 22])
  const [key, iv] = [expand(secret, 'key', 16), expand(secret, 'iv', 12)]
  const length = 5 + ticket.length + 16
  const all = Buffer.alloc(length * count)
  for (let i = 0; i < count; i++) {
    const record = all.subarray(i * length, (i + 1) * length)
    seal(record, key, iv, sent + i, ticket)
  }
  return all
}

/** These bytes, each in a record of its own. */
export function crumbs(secret: Buffer, sent: number, bytes: Buffer): Buffer {
  const [key, iv] = [expand(secret, 'key', 16), expand(secret, 'iv', 12)]
  const length = 5 + 2 + 16
  const all = Buffer.alloc(length * bytes.length)
  for (const [i, byte] of bytes.entries()) {
    const content = Buffer.from([byte, APPLICATION_DATA])
    seal(all.subarray(i * length, (i + 1) * length), key, iv, sent + i, content)
  }
  return all
}

/** Writes one record (RFC 8446 section 5.2) into `record`, which has its length. */
function seal(record: Buffer, key: Buffer, iv: Buffer, sequence: number, content: Buffer): void {
  const header = record.subarray(0, 5)
  header.set([APPLICATION_DATA, 3, 3, 0, record.length - 5])
  const nonce = Buffer.from(iv)
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  cipher.setAAD(header)
  record.set(cipher.update(content), 5)
  cipher.final()
  record.set(cipher.getAuthTag(), 5 + content.length)
}

/** A connection that the server of a test has accepted. */
export interface Flooder {
  readonly socket: TLSSocket
  /** Bytes that it has received. */
  readonly raw: Socket
  /** Sends so many KeyUpdate messages; after them the peer understands no data of Node's. */
  flood(count: number): void
  /** The same with session tickets, which only servers send. */
  floodTickets(count: number): void
  /** Sends these bytes, each in a record of its own. */
  crumble(text: string): void
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

/** Carries Node's TLS over a TCP connection, and writes records between its own. */
class Carried {
  readonly near: Duplex
  readonly #raw: Socket
  readonly #label: string
  readonly #count = new RecordCount()
  #secret = Buffer.alloc(0)
  #isOver = false

  /** @param label under which Node tells the secret of our side */
  constructor(raw: Socket, label: string) {
    const [near, far] = duplexPair()
    this.near = near
    this.#raw = raw
    this.#label = label
    raw.on('error', () => raw.destroy())
    raw.on('data', (bytes) => far.write(bytes))
    raw.on('close', () => far.destroy())
    far.on('data', (bytes: Buffer) => {
      if (this.#isOver) this.#count.add(bytes)
      if (!raw.destroyed) raw.write(bytes)
    })
  }

  /** `secured` is called when the handshake is over. */
  carry(socket: TLSSocket, secured: (flooder: Flooder) => void): void {
    const raw = this.#raw
    socket.on('error', () => raw.destroy())
    socket.on('keylog', (line: Buffer) => {
      const [label, , hex] = String(line).trim().split(' ')
      if (label === this.#label) this.#secret = Buffer.from(hex!, 'hex')
    })
    socket.on('secure', () => {
      // The last flight of a client is written only now.
      if (this.#label.startsWith('SERVER')) this.#isOver = true
      else
        setTimeout(() => {
          this.#isOver = true
        })
      const flood = (count: number) => {
        if (!raw.destroyed) raw.write(keyUpdates(this.#secret, this.#count.records, count))
      }
      const floodTickets = (count: number) => {
        if (!raw.destroyed) raw.write(sessionTickets(this.#secret, this.#count.records, count))
      }
      const crumble = (text: string) =>
        void raw.write(crumbs(this.#secret, this.#count.records, Buffer.from(text)))
      secured({ socket, raw, flood, floodTickets, crumble })
    })
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
    const carried = new Carried(raw, 'SERVER_TRAFFIC_SECRET_0')
    carried.carry(tlsOver(carried.near, pair, alpn), serve)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

/** A client that shows this certificate, or none, from this address. */
export async function floodingClient(
  port: number,
  pair: PublicKeyPair | null,
  alpn = 'http/1.1',
  localAddress = '127.0.0.1',
): Promise<Flooder> {
  const raw = connect({ host: '127.0.0.1', port, localAddress })
  await once(raw, 'connect')
  const carried = new Carried(raw, 'CLIENT_TRAFFIC_SECRET_0')
  const socket = tlsConnect({
    ...{ socket: carried.near, rejectUnauthorized: false, ALPNProtocols: [alpn], ...pair },
    ...{ minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' },
  })
  const flooder = await new Promise<Flooder>((resolve) => carried.carry(socket, resolve))
  await new Promise((resolve) => setTimeout(resolve, 10))
  return flooder
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
