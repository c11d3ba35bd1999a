import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { REQUEST_NAMES, RESPONSE_NAMES } from '../../src/proxy/names.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import type { WireSettings } from '../../src/wire/face.ts'
import { Downstream } from '../../src/wire/h1/downstream.ts'
import { Pool } from '../../src/wire/h1/pool.ts'
import { LinkPool } from '../../src/wire/link/link-pool.ts'
import type { DialLink } from '../../src/wire/link/link-slot.ts'
import { CallerTurns } from '../../src/wire/link/refusal-turns.ts'
import { ServingLink } from '../../src/wire/link/serving-link.ts'
import { dialTo, type Ended, LIMITS, type Relay, type RelayOptions, relayHandler } from './relay.ts'

/** Two wires with a link between them, in one process. */
export interface LinkRelay extends Relay {
  /** Of the callers' end. */
  readonly peer: LinkPool<null>
  /** The serving ends, as they were accepted. */
  readonly links: ServingLink<null>[]
  /** What the serving end says became of its exchanges. */
  readonly served: Ended[]
  /** Why links ended, at either end. */
  readonly endings: string[]
}

/** Dials one port on loopback; what is spoken there is a link, or is not. */
export function dialLinkTo(port: number, isLink = true): DialLink {
  const dial = dialTo(port)
  return {
    open: (onread, done) =>
      dial(onread, (refusal, socket, peer) => done(refusal, socket, peer, isLink)),
    avoid: () => {},
  }
}

/** Caller, wire, link, wire, `upstreamPort`. */
export async function startLinkRelay(
  upstreamPort: number,
  options: RelayOptions = {},
): Promise<LinkRelay> {
  const clock = new CoarseClock(20)
  const settings: WireSettings = {
    requestNames: REQUEST_NAMES,
    responseNames: RESPONSE_NAMES,
    keepTrailer: (id) => id === 0,
    limits: { ...LIMITS, ...options.limits },
    clock,
  }
  const endings: string[] = []
  const events = { ended: (ending: string) => endings.push(ending) }
  const served: Ended[] = []
  const links: ServingLink<null>[] = []
  const pool = new Pool<null>('upstream', dialTo(upstreamPort), settings)
  const serving = {
    context: () => null,
    handler: relayHandler(pool, served),
    load: { held: 0, mostHeld: 10_000 },
    own: { held: 0, mostHeld: 10_000 },
    turns: new CallerTurns(),
    below: null,
    closed: () => {},
  }
  const far = await listen((socket) => {
    links.push(new ServingLink<null>(socket, 'caller', settings, events, serving))
  })
  const http1 = new Pool<null>('far', dialTo(far.port), settings)
  const peer = new LinkPool<null>('far', dialLinkTo(far.port), http1, settings, events)
  const ended: Ended[] = []
  const handler = relayHandler(peer, ended, options.judge)
  const connections = new Set<Downstream<null>>()
  const near = await listen((socket) => {
    connections.add(
      new Downstream(socket, null, handler, settings, (gone) => connections.delete(gone)),
    )
  })
  clock.watch({
    tick(now) {
      for (const each of [...connections, ...links, peer, pool]) each.tick(now)
    },
  })
  return {
    port: near.port,
    ended,
    connections,
    pool: {
      get exchanges() {
        return peer.exchanges + pool.exchanges
      },
      get bufferedBytes() {
        const far = links.reduce((sum, link) => sum + link.bufferedBytes, 0)
        return peer.bufferedBytes + pool.bufferedBytes + far
      },
    },
    clock,
    sidecars: 2,
    peer,
    links,
    served,
    endings,
    async close() {
      for (const connection of [...connections]) connection.destroy()
      peer.destroy()
      for (const link of links) link.destroy()
      pool.destroy()
      clock.stop()
      await Promise.all([near.close(), far.close()])
    },
  }
}

async function listen(accept: (socket: Socket) => void) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, accept)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
