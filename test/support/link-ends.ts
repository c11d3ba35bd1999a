import type { Underlying } from '../../src/refusal/record-overhead.ts'
import type { WireLimits } from '../../src/wire/face.ts'
import type { KnownAddresses } from '../../src/wire/known-addresses.ts'
import { LinkPool } from '../../src/wire/link/link-pool.ts'
import type { DialLink } from '../../src/wire/link/link-slot.ts'
import { CallerTurns } from '../../src/wire/link/refusal-turns.ts'
import { ServingLink, type UnreadAnswers } from '../../src/wire/link/serving-link.ts'
import {
  type Bench,
  callerOf,
  MemoryPool,
  PlainHandler,
  type StoppedClock,
  settingsWith,
} from './engine.ts'
import { type Frame, framesOf } from './link-frames.ts'
import { MemorySocket, settled } from './memory-socket.ts'

/** The serving end of a link in memory, in front of a pool in memory. */
export interface ServingEnd {
  readonly socket: MemorySocket
  readonly link: ServingLink<null>
  readonly handler: PlainHandler
  readonly upstream: MemoryPool
  readonly clock: StoppedClock
  readonly endings: string[]
  /** Limits that no refusal tells of. */
  readonly limitHits: string[]
  /** What it has sent. */
  readonly frames: Frame[]
  /** Frames arrive in one read. */
  send(...frames: string[]): Promise<void>
}

/** What links hold, and the most that they may. */
export function loadOf(mostHeld: number): UnreadAnswers {
  return { held: 0, mostHeld }
}

/** A serving end: the test plays the caller's sidecar, and the module. */
export function servingEnd(
  limits: Partial<WireLimits> = {},
  load: UnreadAnswers = loadOf(10_000),
  own: UnreadAnswers = loadOf(10_000),
  below: Underlying | null = null,
  turns = new CallerTurns(),
): ServingEnd {
  const clock = { now: 1000 }
  const socket = new MemorySocket()
  const upstream = new MemoryPool(limits, clock)
  const handler = new PlainHandler(upstream.pool)
  const endings: string[] = []
  const events = { ended: (ending: string) => endings.push(ending) }
  const serving = { context: () => null, handler, load, own, turns, below, closed: () => {} }
  const limitHits: string[] = []
  const limitHit = (limit: string) => limitHits.push(limit)
  const settings = { ...settingsWith(limits, clock), limitHit }
  const link = new ServingLink<null>(socket, 'caller', settings, events, serving)
  return {
    socket,
    link,
    handler,
    upstream,
    clock,
    endings,
    limitHits,
    get frames() {
      return framesOf(socket.sent)
    },
    async send(...frames) {
      if (frames.join('') !== '') await socket.arrive(frames.join(''))
      await settled()
      await settled()
    },
  }
}

/** The calling end of links in memory: the test plays the other sidecar. */
export interface CallingEnd {
  readonly peer: LinkPool<null>
  /** The connections that it opened, in order. */
  readonly sockets: MemorySocket[]
  readonly clock: StoppedClock
  readonly endings: string[]
  /** Whose peers are to be avoided, and how: `0 later`. */
  readonly avoided: string[]
  /** Where exchanges go once the peer is known to speak HTTP/1.1. */
  readonly http1: MemoryPool
  /** Dials that wait. */
  readonly dials: number
  /** The next dial succeeds, and what is spoken is a link, or HTTP/1.1. */
  connect(isLink?: boolean): MemorySocket
  /** A caller in front of it. */
  caller(): Bench<LinkPool<null>>
  framesOf(socket: MemorySocket): Frame[]
  /** Frames arrive in one read; true as long as it reads on. */
  send(socket: MemorySocket, ...frames: string[]): Promise<void>
}

type Read = (length: number, bytes: Buffer) => boolean

/** A calling end whose dials wait for `connect`; `addresses`: where they lead, if not to the only one. */
export function callingEnd(
  limits: Partial<WireLimits> = {},
  addresses?: (sockets: readonly MemorySocket[]) => KnownAddresses,
): CallingEnd {
  const clock = { now: 1000 }
  const settings = settingsWith(limits, clock)
  const sockets: MemorySocket[] = []
  const reads = new Map<MemorySocket, Read>()
  const dials: ((isLink: boolean) => void)[] = []
  const http1 = new MemoryPool(limits, clock)
  const avoided: string[] = []
  const open: DialLink['open'] = (onread, done) => {
    const connect = (isLink: boolean) => {
      const socket = new MemorySocket()
      sockets.push(socket)
      reads.set(socket, onread.callback)
      socket.resume()
      done(null, socket, 'upstream', isLink)
    }
    dials.push(connect)
    return {
      cancel() {
        if (dials.includes(connect)) dials.splice(dials.indexOf(connect), 1)
      },
    }
  }
  const avoid: DialLink['avoid'] = (socket, how) => {
    avoided.push(`${sockets.indexOf(socket as MemorySocket)} ${how}`)
  }
  const dial: DialLink = { open, avoid, ...(addresses && { addresses: addresses(sockets) }) }
  const endings: string[] = []
  const events = { ended: (ending: string) => endings.push(ending) }
  const peer = new LinkPool<null>('upstream', dial, http1.pool, settings, events)
  return {
    peer,
    sockets,
    clock,
    endings,
    avoided,
    http1,
    get dials() {
      return dials.length
    },
    connect(isLink = true) {
      dials.shift()?.(isLink)
      return sockets.at(-1)!
    },
    caller: () => callerOf(peer, limits, clock),
    framesOf: (socket) => framesOf(socket.sent),
    async send(socket, ...frames) {
      const text = frames.join('')
      const most = peer.readBuffer.length
      for (let i = 0; i < text.length && !socket.destroyed; i += most) {
        const length = peer.readBuffer.write(text.slice(i, i + most), 'latin1')
        reads.get(socket)!(length, peer.readBuffer)
        // The buffer is overwritten: code that kept a reference to it would show the wrong bytes.
        peer.readBuffer.fill('#', 0, length)
      }
      await settled()
      await settled()
    },
  }
}
