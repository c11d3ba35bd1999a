import type { Socket } from 'node:net'
import { type Refusal, refuse } from '../../refusal/refusal.ts'
import type { Avoiding, DialPreference, WireSettings } from '../face.ts'
import { type KnownAddresses, lighterOfTwo, Spread } from '../known-addresses.ts'
import { CallingLink, type LinkOwner } from './calling-link.ts'
import type { CallingStream } from './calling-stream.ts'
import type { LinkEvents } from './link-stream.ts'

/** The result of a dial counts for exchanges that arrived within this time after its start. */
const JOIN_MS = 1000
/** A link that was busy within this time gets a successor before one is needed. */
const BUSY_MS = 10_000
/** With this many links that do not answer no other is opened: the problem is the network. */
const MOST_DOUBTED = 3

/**
 * Opens connections that may become links; `done` is called once, never before `open` returns.
 * `isLink`: what the two sides have agreed to speak.
 */
export interface DialLink {
  open(
    onread: { buffer: Buffer; callback: (length: number, buffer: Buffer) => boolean },
    done: (refusal: Refusal | null, socket: Socket | null, peer: string, isLink: boolean) => void,
    where?: DialPreference,
  ): { cancel(): void }
  /** The addresses, if exchanges can be spread over several. */
  readonly addresses?: KnownAddresses
  /** The address at the other end of this socket should be used less. */
  avoid(socket: Socket, how: Avoiding): void
}

/** Reads what a connection brings. */
export interface LinkReading {
  read(length: number, buffer: Buffer): boolean
}

/** What a lane needs from the pool that it belongs to. */
export interface LinkSlotOwner<N> {
  readonly name: string
  readonly dial: DialLink
  readonly settings: WireSettings
  readonly events: LinkEvents
  readonly readBuffer: Buffer
  /** The other side uses HTTP/1.1: the connection, and the exchanges that waited for it. */
  takeOver(socket: Socket, peer: string, waiting: readonly CallingStream<N>[]): LinkReading
  /** The other side speaks as we do. */
  linked(): void
}

/** A dial and those who wait for it. */
interface Dialling<N> {
  readonly since: number
  /** Undefined: any address is fine, and any exchange may wait for it. */
  readonly where: DialPreference | undefined
  readonly waiting: CallingStream<N>[]
  cancel(): void
}

/**
 * The links to one peer for one kind of exchange: usually one to each of its addresses, more when
 * one is full or ending.
 */
export class LinkSlot<N> implements LinkOwner<N> {
  readonly #owner: LinkSlotOwner<N>
  /** Links that accept exchanges, and links that only finish theirs. */
  readonly #usable: CallingLink<N>[] = []
  readonly #leaving = new Set<CallingLink<N>>()
  readonly #dials = new Set<Dialling<N>>()
  readonly #spread: Spread
  /** Increases when earlier links must not be used again. */
  #epoch = 0

  constructor(owner: LinkSlotOwner<N>) {
    this.#owner = owner
    this.#spread = new Spread(owner.dial.addresses)
  }

  get bufferedBytes(): number {
    let bytes = 0
    for (const link of this.#usable) bytes += link.bufferedBytes
    for (const link of this.#leaving) bytes += link.bufferedBytes
    for (const { waiting } of this.#dials) {
      for (const stream of waiting) bytes += stream.bufferedBytes
    }
    return bytes
  }

  /** The exchange begins on a link at once, or waits for one. */
  take(stream: CallingStream<N>, head: Buffer, length: number): void {
    if (stream.x.affinity !== 0 && this.#takeWhereItBelongs(stream, head, length)) return
    const link = lighterOfTwo(this.#usable, isOpen, sizeOf)
    if (link !== undefined) return link.begin(stream, head, length)
    if (this.#usable.length >= MOST_DOUBTED) {
      const newest = this.#usable.findLast((link) => link.hasRoom)
      if (newest !== undefined) return newest.begin(stream, head, length)
    }
    stream.wait(Buffer.from(head.subarray(0, length)))
    this.#waitFor(stream)
  }

  /**
   * Puts it on a link to the address for all exchanges with its number. False: any address is fine.
   */
  #takeWhereItBelongs(stream: CallingStream<N>, head: Buffer, length: number): boolean {
    const { affinity } = stream.x
    const at = this.#spread.of(affinity)
    if (at === undefined && (this.#spread.isOne || this.#usable.some(isOpen))) return false
    const link = this.#usable.find((each) => each.address === at && each.open)
    if (link !== undefined) {
      link.begin(stream, head, length)
      return true
    }
    stream.wait(Buffer.from(head.subarray(0, length)))
    let dial: Dialling<N> | undefined
    for (const each of this.#dials) if (each.where?.affinity === affinity) dial = each
    dial ??= this.#dial({ affinity })
    dial.waiting.push(stream)
    return true
  }

  /** The same with a head that it already holds, in a later turn than its start. */
  takeHeld(stream: CallingStream<N>): void {
    const { waitingHead } = stream
    if (waitingHead === null) return
    this.take(stream, waitingHead, waitingHead.length)
  }

  /** It is not wanted any more. */
  forget(stream: CallingStream<N>): void {
    for (const { waiting } of this.#dials) {
      const i = waiting.indexOf(stream)
      if (i !== -1) waiting.splice(i, 1)
    }
  }

  /** All current links only finish what is open on them: credentials or addresses have changed. */
  retire(): void {
    this.#epoch++
    for (const link of [...this.#usable]) link.leave()
  }

  /** Opens a link before it is needed, if there is none and none is being opened. */
  prepare(): void {
    if (this.#dials.size === 0 && this.#usable.length === 0) this.#dial()
  }

  destroy(): void {
    for (const dial of [...this.#dials]) dial.cancel()
    for (const link of [...this.#usable, ...this.#leaving]) link.close('lost', 'it was cut')
  }

  /** Called by the coarse clock. */
  tick(now: number): void {
    const { idleMs, connectionMaxAgeMs } = this.#owner.settings.limits
    for (const { waiting } of this.#dials) {
      for (const stream of [...waiting]) stream.tickWaiting(now)
    }
    if (this.#usable.some((link) => link.usedWithin(BUSY_MS, now))) this.#look(now)
    for (const link of [...this.#usable, ...this.#leaving]) {
      link.tick(now)
      const old = now - link.openedAt >= connectionMaxAgeMs
      if (old || link.restingMs(now) > idleMs) link.leave()
    }
  }

  leaves(link: CallingLink<N>, successor: boolean): void {
    const i = this.#usable.indexOf(link)
    if (i === -1) return
    this.#usable.splice(i, 1)
    this.#leaving.add(link)
    const { now } = this.#owner.settings.clock
    if (successor && link.usedWithin(BUSY_MS, now)) this.prepare()
  }

  /** So that the next exchange does not have to wait for another link. */
  doubts(link: CallingLink<N>): void {
    this.#owner.events.doubted?.(link.peer)
    if (link.size === 0 || this.#dials.size > 0 || this.#usable.length >= MOST_DOUBTED) return
    if (!this.#usable.some((each) => each.open)) this.#dial()
  }

  trusts(link: CallingLink<N>): void {
    if (link.open) this.#serve(this.#allWaiting([]), link)
  }

  avoid(socket: Socket, how: Avoiding): void {
    this.#owner.dial.avoid(socket, how)
  }

  closed(link: CallingLink<N>): void {
    this.leaves(link, false)
    this.#leaving.delete(link)
  }

  /** Links follow changes of the addresses. */
  #look(now: number): void {
    const links = () => this.#usable
    const dialled = () => [...this.#dials].flatMap(({ where }) => where?.at ?? [])
    const { gone, wanted } = this.#spread.look(now, links, dialled)
    for (const link of gone) link.leave()
    for (const at of wanted) this.#dial({ at })
  }

  #waitFor(stream: CallingStream<N>): void {
    const { now } = this.#owner.settings.clock
    let dial: Dialling<N> | undefined
    for (const each of this.#dials) {
      if (each.where === undefined && now - each.since < JOIN_MS) dial = each
    }
    dial ??= this.#dial()
    dial.waiting.push(stream)
  }

  #dial(where?: DialPreference): Dialling<N> {
    const { dial, settings, readBuffer, name } = this.#owner
    const epoch = this.#epoch
    let reading: LinkReading | null = null
    const onread = {
      buffer: readBuffer,
      callback: (length: number, buffer: Buffer) => reading?.read(length, buffer) ?? false,
    }
    const done: Parameters<DialLink['open']>[1] = (refusal, socket, peer, isLink) => {
      this.#dials.delete(dialling)
      const { waiting } = dialling
      if (socket === null) {
        const why = refusal ?? refuse('upstream-unreachable', `${name} cannot be reached`)
        for (const stream of [...waiting]) stream.unreached(why)
      } else if (isLink) reading = this.#opened(socket, peer, waiting, epoch)
      else reading = this.#owner.takeOver(socket, peer, this.#allWaiting(waiting))
    }
    const under = dial.open(onread, done, where)
    const dialling: Dialling<N> = {
      since: settings.clock.now,
      where,
      waiting: [],
      cancel: () => under.cancel(),
    }
    this.#dials.add(dialling)
    return dialling
  }

  #opened(
    socket: Socket,
    peer: string,
    waiting: readonly CallingStream<N>[],
    epoch: number,
  ): LinkReading {
    const { settings, events } = this.#owner
    const address = this.#spread.keyOf(socket)
    const link = new CallingLink<N>(socket, { peer, address }, settings, events, this)
    this.#usable.push(link)
    this.#owner.linked()
    const late = epoch !== this.#epoch
    this.#serve(late ? waiting : this.#allWaiting(waiting), link)
    // The credentials were replaced while it was being opened: these are its only exchanges.
    if (late) link.leave()
    return {
      read(length, buffer) {
        link.read(buffer, 0, length)
        return true
      },
    }
  }

  #serve(waiting: readonly CallingStream<N>[], link: CallingLink<N>): void {
    for (const stream of waiting) {
      if (stream.waitingHead === null) continue
      if (!link.open) {
        this.#waitFor(stream)
        continue
      }
      link.begin(stream, stream.waitingHead, stream.waitingHead.length)
      stream.x.downstream.resume()
    }
  }

  /** One connection is enough for all: the other dials are cancelled. */
  #allWaiting(first: readonly CallingStream<N>[]): readonly CallingStream<N>[] {
    const all = [...first]
    for (const dial of [...this.#dials]) {
      if (dial.where !== undefined) continue
      this.#dials.delete(dial)
      dial.cancel()
      all.push(...dial.waiting)
    }
    return all
  }
}

function isOpen({ open }: CallingLink<unknown>): boolean {
  return open
}

function sizeOf({ size }: CallingLink<unknown>): number {
  return size
}
