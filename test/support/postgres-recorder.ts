import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { MembershipQuestion } from '../../src/postgres/membership.ts'
import type { DatabaseRules } from '../../src/postgres/rules.ts'
import { ServerConnector } from '../../src/postgres/server-connection.ts'
import { DatabaseSessions } from '../../src/postgres/sessions.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import { namedServerContext } from '../../src/transport/named-server.ts'
import { callerIn } from '../../src/trust/identity.ts'
import { until } from './patience.ts'
import { makeCa } from './pki.ts'
import {
  authentication,
  backendKey,
  commandComplete,
  parameterStatus,
  readyForQuery,
  rowDescription,
  startupPacket,
} from './postgres-packets.ts'

const LIMITS = {
  handshakeMs: 20_000,
  databaseSessions: 1000,
  databaseLoginMs: 60_000,
  databaseIdleMs: 0,
}

/** What one connection to the server brought, TLS taken off. */
export interface Recorded {
  bytes: Buffer
  readonly socket: Socket
}

/** What one client got. */
export interface Played {
  /** What it was answered, `N`s included. */
  readonly answer: Buffer
  /** Connections that the server has taken meanwhile. */
  readonly recorded: readonly Recorded[]
  readonly refusals: readonly Refusal[]
}

/**
 * The sessions of a listener in this process, before a server that lets everyone in by the certificate and writes
 * down every byte that reaches it.
 */
export class RecordedDatabase {
  readonly recorded: Recorded[] = []
  readonly refusals: Refusal[] = []
  readonly wouldDeny: Refusal[] = []
  readonly sessions: DatabaseSessions
  /** Cancel requests are not taken: their connections stay. */
  holdsCancels = false
  readonly #clock = new CoarseClock()
  readonly #server: Server
  readonly #listener: Server
  readonly #accepted = new Map<number, Socket>()
  #key = 0

  static async start(
    rules: DatabaseRules,
    databaseSessions = LIMITS.databaseSessions,
  ): Promise<RecordedDatabase> {
    const ca = await makeCa(undefined, 'root1')
    const { keyPem: key, chainPem: cert } = await ca.issue({
      ip: ['127.0.0.1'],
      eku: ['serverAuth'],
    })
    const secureContext = createSecureContext({ key, cert })
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      // SSLRequest, which the sidecar sends itself.
      socket.once('data', () => {
        socket.write('S')
        database.#record(new TLSSocket(socket, { isServer: true, secureContext }))
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const database = new RecordedDatabase({ rules, databaseSessions }, ca.certPem, server)
    await once(database.#listener, 'listening')
    return database
  }

  private constructor(
    { rules, databaseSessions }: { rules: DatabaseRules; databaseSessions: number },
    ca: string,
    server: Server,
  ) {
    this.#server = server
    const { port } = server.address() as AddressInfo
    const context = namedServerContext({ ca: [ca], crl: [] }, undefined)
    this.sessions = new DatabaseSessions({
      rules,
      connector: new ServerConnector({
        places: [{ host: '127.0.0.1', port, name: '127.0.0.1' }],
        sslNegotiation: 'postgres',
        callerIn,
        context: () => context,
        names: new NameResolver(() => this.#clock.now),
        clock: this.#clock,
        connectMs: LIMITS.handshakeMs,
        handshakeMs: LIMITS.handshakeMs,
        recordOverheadBytesPerSecond: 1024,
      }),
      limits: { ...LIMITS, databaseSessions },
      clock: this.#clock,
      places: { taken: 0, cancelling: 0 },
      events: {
        connected: () => {},
        loggedIn: () => {},
        refused: (_, refusal) => this.refusals.push(refusal),
        wouldDeny: (_, refusal) => this.wouldDeny.push(refusal),
        ended: () => {},
        limitHit: () => {},
      },
    })
    this.#listener = createServer({ allowHalfOpen: true }, (socket) => {
      this.#accepted.set(socket.remotePort ?? 0, socket)
      this.sessions.accept(socket, 'a client', () => true)
    }).listen(0, '127.0.0.1')
  }

  #record(socket: TLSSocket): void {
    const recorded: Recorded = { bytes: Buffer.alloc(0), socket }
    this.recorded.push(recorded)
    socket.on('error', () => socket.destroy())
    let login = 0
    let asked = false
    socket.on('data', (part: Buffer) => {
      const first = recorded.bytes.length === 0
      recorded.bytes = Buffer.concat([recorded.bytes, part])
      if (!first) {
        // The sidecar's own question, before anything of the client: it is answered, and not recorded.
        const end = login + MembershipQuestion.bytes.length
        if (asked || !recorded.bytes.subarray(login, end).equals(MembershipQuestion.bytes)) return
        asked = true
        const [before, behind] = [recorded.bytes.subarray(0, login), recorded.bytes.subarray(end)]
        recorded.bytes = Buffer.concat([before, behind])
        socket.write(
          Buffer.concat([rowDescription('rolname'), commandComplete('SELECT 0'), readyForQuery()]),
        )
        return
      }
      login = part.length
      // A cancel request is accepted without an answer.
      if (part.readUInt32BE(4) === 80877102) {
        if (!this.holdsCancels) socket.end()
        return
      }
      const user = /user\0([^\0]*)\0/.exec(part.toString('latin1'))?.[1] ?? ''
      const key = Buffer.alloc(4)
      key.writeUInt32BE(++this.#key)
      socket.write(
        Buffer.concat([
          authentication(0),
          parameterStatus('is_superuser', 'off'),
          parameterStatus('session_authorization', user),
          backendKey(this.#key, key),
          readyForQuery(),
        ]),
      )
    })
    socket.on('end', () => socket.end())
  }

  /** Opens a session that stays; its cancel key is the next number, twice. */
  async stand(parameters: Readonly<Record<string, string>>): Promise<void> {
    const { port } = this.#listener.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.write(startupPacket(parameters))
    await once(socket, 'data')
  }

  /** Sends a packet, then closes the connection. */
  async leave(packet: Buffer): Promise<void> {
    const { port } = this.#listener.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.end(packet, () => socket.destroy())
    await closed
  }

  /**
   * Sends pieces, each read by the listener by itself, and `last` when the server is ready. A client to which
   * nothing more will be said leaves by itself: `leaves`.
   */
  async play(
    pieces: readonly Buffer[],
    { last, leaves }: { last: Buffer; leaves: boolean },
  ): Promise<Played> {
    const [before, refusedBefore] = [this.recorded.length, this.refusals.length]
    const socket = connect({
      port: (this.#listener.address() as AddressInfo).port,
      host: '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    })
    const parts: Buffer[] = []
    // Not `once`: it rejects where a connection is reset.
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end())
    socket.on('data', (part) => {
      parts.push(part)
      const ready = Buffer.concat(parts).indexOf(readyForQuery())
      if (ready !== -1 && socket.writable) socket.end(last)
    })
    await once(socket, 'connect')
    const port = socket.localPort ?? 0
    await until(() => this.#accepted.has(port))
    const accepted = this.#accepted.get(port)!
    let sent = 0
    for (const piece of pieces) {
      if (!socket.writable) break
      socket.write(piece)
      sent += piece.length
      // Bytes after a refusal are not read, or discarded.
      while (accepted.bytesRead < sent && !socket.destroyed && !accepted.isPaused()) {
        await new Promise(setImmediate)
      }
    }
    if (leaves) socket.end()
    await closed
    this.#accepted.delete(port)
    const recorded = this.recorded.slice(before)
    await Promise.all(recorded.map(async ({ socket: at }) => at.closed || once(at, 'close')))
    return {
      answer: Buffer.concat(parts),
      recorded,
      refusals: this.refusals.slice(refusedBefore),
    }
  }

  close(): void {
    this.sessions.destroy()
    this.#clock.stop()
    for (const { socket } of this.recorded) socket.destroy()
    this.#server.close()
    this.#listener.close()
  }
}
