import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { saidBy } from '../fault.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { NamedPlace } from '../transport/named-handshake.ts'
import { writeOnce } from '../transport/write-once.ts'
import { ClientStream } from './client-stream.ts'
import { errorResponse } from './errors.ts'
import { TERMINATE } from './protocol.ts'
import type { DatabaseRules } from './rules.ts'
import { ServerStream } from './server-stream.ts'
import type { StartupMessage } from './startup.ts'

/** What a session tells. */
export interface SessionEvents {
  key(processId: number, key: Buffer): void
  loggedIn(): void
  /** A rule ends it. */
  refused(refusal: Refusal): void
  wouldDeny(refusal: Refusal): void
  /** Both ends are gone; `why`: what broke, where something did. */
  ended(session: DatabaseSession, why: string): void
}

/** Deadlines of a session. */
export interface SessionLimits {
  readonly databaseLoginMs: number
  /** 0: never. */
  readonly databaseIdleMs: number
}

/** How long to wait for a client that was told the end. */
const FAREWELL_MS = 2000
const DRAINING = refuse('draining', 'this sidecar is shutting down')

/**
 * One session: a client, a server, and the bytes between them. What one side does not read is not read from
 * the other, so that a session holds a chunk and a socket's buffer each way, and no more.
 */
export class DatabaseSession {
  readonly place: NamedPlace
  bytesIn = 0
  bytesOut = 0
  readonly #client: Socket
  readonly #server: TLSSocket
  readonly #events: SessionEvents
  readonly #limits: SessionLimits
  readonly #fromClient: ClientStream
  readonly #fromServer: ServerStream
  // Made once: this runs for each packet.
  readonly #toServer = (bytes: Uint8Array) => {
    this.bytesIn += bytes.length
    writeOnce(this.#server, bytes)
  }
  readonly #toClient = (bytes: Uint8Array) => {
    this.bytesOut += bytes.length
    writeOnce(this.#client, bytes)
  }
  #now: number
  #deadline: number
  /** No transaction is open, and nothing is asked. */
  #idle = false
  #draining = false
  #over = false
  #open = 2
  #why = ''
  /** The server has told the client an error of its own. */
  #serverSaidWhy = false

  constructor(
    { client, server, place }: { client: Socket; server: TLSSocket; place: NamedPlace },
    startup: StartupMessage,
    { rules, limits, now }: { rules: DatabaseRules; limits: SessionLimits; now: number },
    events: SessionEvents,
  ) {
    this.#client = client
    this.#server = server
    this.place = place
    this.#events = events
    this.#limits = limits
    this.#now = now
    this.#deadline = now + limits.databaseLoginMs
    this.#fromServer = new ServerStream(startup, rules, {
      key: events.key,
      ask: (question) => server.write(question),
      loggedIn: () => this.#loggedIn(),
      passes: (type) => {
        if (type === ERROR_RESPONSE) this.#serverSaidWhy = true
        this.#fromClient.requests.said(type)
      },
      ready: (idle) => this.#ready(idle),
      wouldDeny: events.wouldDeny,
    })
    const { login } = this.#fromServer
    this.#fromClient = new ClientStream(
      () => login.answerDue,
      () => {
        login.answerDue = false
      },
    )
    this.#watch(client, (chunk) => this.#clientSaid(chunk))
    this.#watch(server, (chunk) => this.#serverSaid(chunk))
    server.write(startup.packet)
    client.pause()
    if (startup.rest.length > 0) this.#clientSaid(startup.rest)
  }

  /** Ends when no transaction is open, possibly at once. */
  drain(): void {
    this.#draining = true
    if (!this.#fromServer.isReady || this.#idle) this.end(DRAINING)
  }

  /** Ends now, with an error to the client if it can be sent between two messages. */
  end(refusal: Refusal): void {
    if (this.#over) return
    this.#over = true
    this.#deadline = this.#now + FAREWELL_MS
    const [client, server] = [this.#client, this.#server]
    if (refusal === DRAINING && this.#fromClient.atBoundary) server.end(TERMINATE)
    else server.destroy()
    if (!this.#fromServer.atBoundary) return void client.destroy()
    client.end(errorResponse(refusal))
    // Unread bytes would turn the end of the connection into a reset, and the error would be lost.
    client.resume()
  }

  /** Ends it by a rule, and says so to log and metrics as well. */
  refuse(refusal: Refusal): void {
    if (this.#over) return
    this.end(refusal)
    this.#events.refused(refusal)
  }

  destroy(): void {
    this.#over = true
    this.#client.destroy()
    this.#server.destroy()
  }

  tick(now: number): void {
    this.#now = now
    if (now < this.#deadline) return
    if (this.#over) return this.destroy()
    const ready = this.#fromServer.isReady
    const limit = ready ? 'databaseIdleMs' : 'databaseLoginMs'
    const what = ready ? 'nothing passed in this session' : 'the login did not finish'
    const because = `${what} for ${this.#limits[limit]} ms (limits.${limit})`
    this.refuse(refuse('timeout', because, { limit }))
  }

  #clientSaid(chunk: Buffer): void {
    if (this.#over) return
    this.#active()
    const server = this.#server
    const scanned = this.#fromClient.scan(chunk, this.#toServer)
    if (this.#fromClient.isBusy) this.#idle = false
    switch (scanned) {
      case 'broken':
        return this.refuse(
          refuse('malformed-request', 'the client sent something that is not a message'),
        )
      case 'end': {
        const because = 'the client sent no answer where the server asks for a proof'
        return this.refuse(refuse('malformed-request', because))
      }
      case 'waiting':
        return void this.#client.pause()
      case 'on':
        if (server.writableNeedDrain) this.#client.pause()
    }
  }

  #serverSaid(chunk: Buffer): void {
    if (this.#over) return
    this.#active()
    const client = this.#client
    const scanned = this.#fromServer.scan(chunk, this.#toClient)
    if (this.#over) return
    if (scanned === 'end' && this.#fromServer.refusal !== null) {
      return this.refuse(this.#fromServer.refusal)
    }
    if (scanned !== 'on') {
      return this.refuse(
        refuse('upstream-malformed', 'the server sent something that is not a message'),
      )
    }
    if (client.writableNeedDrain) this.#server.pause()
    if (this.#fromServer.login.answerDue) this.#letClientGoOn()
    if (this.#draining && this.#idle) this.end(DRAINING)
  }

  #loggedIn(): void {
    this.#fromClient.open()
    this.#deadline = Number.POSITIVE_INFINITY
    this.#events.loggedIn()
    // After the message that said so has passed.
    process.nextTick(() => this.#letClientGoOn())
  }

  #ready(idle: boolean): void {
    this.#fromClient.requests.answered()
    this.#idle = idle && !this.#fromClient.isBusy
  }

  /** What waits here is checked again, and more is read. */
  #letClientGoOn(): void {
    if (this.#over) return
    if (this.#fromClient.held > 0) this.#clientSaid(NOTHING)
    if (this.#over || this.#server.writableNeedDrain) return
    const { isReady, login } = this.#fromServer
    if (isReady || login.answerDue) this.#client.resume()
  }

  #active(): void {
    const { databaseIdleMs } = this.#limits
    if (databaseIdleMs > 0 && this.#fromServer.isReady) this.#deadline = this.#now + databaseIdleMs
  }

  /** A server that does not take the sidecar's certificate says so only by ending the connection. */
  #explain(): void {
    if (this.#over || this.#fromServer.isReady || this.#serverSaidWhy) return
    // A client that leaves first, as pg_isready does, takes the server's connection with it.
    if (this.#client.readableEnded || this.#client.destroyed) return
    const why = this.#why === '' ? '' : `: ${this.#why}`
    const because = `the server closed the connection before the login was over${why}`
    this.refuse(refuse('upstream-unreachable', because))
  }

  #watch(socket: Socket, said: (chunk: Buffer) => void): void {
    const other = socket === this.#client ? this.#server : this.#client
    socket.on('data', said)
    // Before the login is over the client is read only for what the server asks for.
    socket.on('drain', () => {
      if (other === this.#client) this.#letClientGoOn()
      else other.resume()
    })
    socket.on('error', (error) => {
      if (!this.#over && this.#why === '') this.#why = saidBy(error)
      socket.destroy()
    })
    // Everything that the other side should get was written before.
    socket.on('end', () => {
      if (socket === this.#server) this.#explain()
      if (other.writable) other.end()
      if (this.#over || socket === this.#client) return
      socket.end()
    })
    socket.on('close', () => {
      if (socket === this.#server) this.#explain()
      if (socket === this.#server && !other.destroyed) other.end()
      else if (socket === this.#client) this.#server.destroy()
      if (--this.#open === 0) {
        this.#over = true
        this.#events.ended(this, this.#why)
      }
    })
  }
}

const NOTHING = Buffer.alloc(0)
const ERROR_RESPONSE = 0x45
