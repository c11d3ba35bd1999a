import type { Socket } from 'node:net'
import type { Limit } from '../refusal/limits.ts'
import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import type { CoarseClock, Ticking } from '../transport/clock.ts'
import type { OpenedNamed } from '../transport/named-handshake.ts'
import { Beginning } from './beginning.ts'
import { CancelKeys, passCancel } from './cancel-requests.ts'
import { errorResponse } from './errors.ts'
import { shown } from './quoted.ts'
import { type DatabaseRules, judgeStartup } from './rules.ts'
import type { ServerConnector } from './server-connection.ts'
import { DatabaseSession, type SessionLimits } from './session.ts'
import { type CancelRequest, type StartupMessage, StartupReader } from './startup.ts'

/** Who asks, as far as it is known. */
export interface SessionFacts {
  /** Address of the client. */
  readonly peer: string
  /** What it calls itself; undefined before its start-up message. */
  readonly role?: string
  readonly database?: string
  readonly application?: string
}

/** How a session was, when it is over. */
export interface SessionEnd {
  readonly server: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly totalMs: number
  /** What broke; '' where it was ended in good order. */
  readonly why: string
}

/** Events of the connections of one listener. */
export interface DatabaseEvents {
  /** A session has a connection to the server, which is not read before this returns. */
  connected(session: DatabaseSession, opened: OpenedNamed): void
  loggedIn(facts: SessionFacts, server: string): void
  refused(facts: SessionFacts, refusal: Refusal): void
  wouldDeny(facts: SessionFacts, refusal: Refusal): void
  ended(facts: SessionFacts, end: SessionEnd): void
  limitHit(limit: Limit): void
}

/** What one listener serves by. */
export interface DatabaseOptions {
  readonly rules: DatabaseRules
  readonly connector: ServerConnector
  readonly limits: SessionLimits & {
    readonly handshakeMs: number
    readonly databaseSessions: number
  }
  readonly clock: CoarseClock
  readonly events: DatabaseEvents
  /** Sessions of all listeners together, and cancel requests that are on their way to the server. */
  readonly places: { taken: number; cancelling: number }
}

/** A client that was refused is waited for no longer than this, to read why. */
const FAREWELL_MS = 2000
const NO_ENCRYPTION = 'N'
const OF_SESSIONS = { limit: 'databaseSessions' } as const

/** Everything that is open behind one listener. */
export class DatabaseSessions implements Ticking {
  readonly #options: DatabaseOptions
  readonly #keys = new CancelKeys()
  readonly #live = new Set<DatabaseSession>()
  readonly #begun = new Map<Socket, Beginning>()
  #draining = false
  #empty: (() => void) | undefined

  constructor(options: DatabaseOptions) {
    this.#options = options
    options.clock.watch(this)
  }

  get open(): number {
    return this.#live.size
  }

  /** Serves a connection; `settle` is called with its first whole packet, and says whether there is room. */
  accept(client: Socket, peer: string, settle: () => boolean): void {
    const beginning = new Beginning(
      client,
      this.#options.clock.now + this.#options.limits.handshakeMs,
    )
    this.#begun.set(client, beginning)
    client.on('close', () => {
      beginning.dialling?.cancel()
      this.#begun.delete(client)
      this.#whenEmpty()
    })
    client.on('error', () => client.destroy())
    const reader = new StartupReader()
    const onData = (chunk: Buffer) => {
      const read = reader.read(chunk)
      if (read === 'more') return
      if (read === 'no-encryption') return void client.write(NO_ENCRYPTION)
      client.off('data', onData)
      client.pause()
      if (isRefusal(read)) return this.#turnAway(beginning, { peer }, read)
      if (!settle()) {
        const because = 'all places of this listener are taken (limits.connections)'
        const refusal = refuse('overloaded', because, { limit: 'connections' })
        return this.#turnAway(beginning, { peer }, refusal)
      }
      if (read.kind === 'cancel') this.#cancel(beginning, read, peer)
      else this.#begin(beginning, read, peer)
    }
    client.on('data', onData)
    client.on('end', () => {
      if (this.#begun.has(client)) client.destroy()
    })
  }

  /** Resolves when the last session is gone; those without an open transaction go at once. */
  drain(): Promise<void> {
    this.#draining = true
    for (const session of this.#live) session.drain()
    return new Promise((resolve) => {
      this.#empty = resolve
      this.#whenEmpty()
    })
  }

  /** Ends those that may not go on. */
  endUnfit(unfit: (session: DatabaseSession) => Refusal | null): number {
    let ended = 0
    for (const session of this.#live) {
      const refusal = unfit(session)
      if (refusal === null) continue
      session.refuse(refusal)
      ended++
    }
    return ended
  }

  destroy(): void {
    this.#draining = true
    this.#options.clock.unwatch(this)
    for (const client of this.#begun.keys()) client.destroy()
    for (const session of this.#live) session.destroy()
  }

  tick(now: number): void {
    for (const session of this.#live) session.tick(now)
    for (const beginning of this.#begun.values()) this.#tickBeginning(beginning, now)
  }

  #tickBeginning(beginning: Beginning, now: number): void {
    if (now < beginning.deadline) return
    if (beginning.over) return void beginning.client.destroy()
    this.#options.events.limitHit('handshakeMs')
    beginning.over = true
    beginning.client.destroy()
  }

  #begin(beginning: Beginning, startup: StartupMessage, peer: string): void {
    const { rules, limits, places, connector } = this.#options
    const { user: role, database, parameters } = startup
    const application = parameters.get('application_name')
    const called = { role: shown(role), database: shown(database) }
    const facts = { peer, ...called, ...(application && { application: shown(application) }) }
    const judgement = judgeStartup(startup, rules)
    if (judgement?.passes === false) return this.#turnAway(beginning, facts, judgement.refusal)
    if (this.#draining) {
      const refusal = refuse('draining', 'this sidecar is shutting down')
      return this.#turnAway(beginning, facts, refusal)
    }
    if (places.taken >= limits.databaseSessions) {
      const because = `${places.taken} database sessions are open (limits.databaseSessions)`
      return this.#turnAway(beginning, facts, refuse('overloaded', because, OF_SESSIONS))
    }
    if (judgement !== undefined) this.#options.events.wouldDeny(facts, judgement.refusal)
    places.taken++
    const left = once(() => {
      places.taken--
    })
    beginning.client.once('close', left)
    // Dialling has limits of its own.
    beginning.deadline = Number.POSITIVE_INFINITY
    beginning.dialling = connector.connect((refusal, opened) => {
      beginning.dialling = undefined
      if (refusal !== null) return this.#turnAway(beginning, facts, refusal)
      if (opened === null) return
      if (beginning.client.destroyed) return void opened.socket.destroy()
      beginning.client.off('close', left)
      this.#serve(beginning, { startup, facts, opened, left })
    })
  }

  #serve(beginning: Beginning, met: Met): void {
    const { client } = beginning
    const { startup, facts, opened, left } = met
    const { socket: server, place } = opened
    const { rules, limits, clock, events } = this.#options
    const began = performance.now()
    const at = `${place.name} ${place.host}:${place.port}`
    let forget = () => {}
    this.#begun.delete(client)
    const now = clock.now
    const session = new DatabaseSession(
      { client, server, place },
      startup,
      { rules, limits, now },
      {
        key: (processId, key) => {
          forget = this.#keys.add(processId, key, place)
        },
        loggedIn: () => events.loggedIn(facts, at),
        refused: (refusal) => {
          if (refusal.limit !== undefined) events.limitHit(refusal.limit)
          events.refused(facts, refusal)
        },
        wouldDeny: (refusal) => events.wouldDeny(facts, refusal),
        ended: ({ bytesIn, bytesOut }, why) => {
          forget()
          left()
          this.#live.delete(session)
          const totalMs = Math.round(performance.now() - began)
          events.ended(facts, { server: at, bytesIn, bytesOut, totalMs, why })
          this.#whenEmpty()
        },
      },
    )
    this.#live.add(session)
    events.connected(session, opened)
    if (this.#draining) session.drain()
  }

  /** As PostgreSQL: no answer, and the connection is closed when the request has been taken. */
  #cancel(beginning: Beginning, { processId, key, packet }: CancelRequest, peer: string): void {
    const { connector, events, limits, places } = this.#options
    const place = this.#keys.find(processId, key)
    if (place === undefined) {
      const because = `a cancel request for process ${processId} has no key of a session of this listener`
      return this.#refuse(beginning, { peer }, refuse('unknown-session', because))
    }
    // Each is a connection to the server, and its client need not wait for it.
    if (places.cancelling >= limits.databaseSessions) {
      const because = `${places.cancelling} cancel requests are on their way (limits.databaseSessions)`
      return this.#refuse(beginning, { peer }, refuse('overloaded', because, OF_SESSIONS))
    }
    places.cancelling++
    beginning.deadline = Number.POSITIVE_INFINITY
    // A client that does not wait is served anyway.
    passCancel({ connector, place, packet, mostMs: limits.handshakeMs }, (refusal) => {
      places.cancelling--
      if (refusal !== null) events.refused({ peer }, refusal)
      this.#close(beginning)
    })
  }

  #turnAway(beginning: Beginning, facts: SessionFacts, refusal: Refusal): void {
    beginning.client.write(errorResponse(refusal))
    this.#refuse(beginning, facts, refusal)
  }

  /** Without a word. */
  #refuse(beginning: Beginning, facts: SessionFacts, refusal: Refusal): void {
    if (refusal.limit !== undefined) this.#options.events.limitHit(refusal.limit)
    this.#options.events.refused(facts, refusal)
    this.#close(beginning)
  }

  /** The client reads what was written to it and goes, or is cut off. */
  #close(beginning: Beginning): void {
    beginning.over = true
    beginning.deadline = this.#options.clock.now + FAREWELL_MS
    beginning.client.end()
    beginning.client.resume()
  }

  #whenEmpty(): void {
    if (this.#live.size === 0 && this.#begun.size === 0) this.#empty?.()
  }
}

/** What a session is made of. */
interface Met {
  readonly startup: StartupMessage
  readonly facts: SessionFacts
  readonly opened: OpenedNamed
  readonly left: () => void
}

function once(act: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    act()
  }
}
