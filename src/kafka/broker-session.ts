import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { saidBy } from '../fault.ts'
import type { Limit } from '../refusal/limits.ts'
import type { Refusal } from '../refusal/refusal.ts'
import { AnswerReader } from './answer-reader.ts'
import { AwaitedAnswers } from './awaited-answers.ts'
import type { Brokers } from './brokers.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { brokenFrame, FrameScanner, type FramesScanned } from './frames.ts'
import type { HeldBytes, HeldRoom } from './held-bytes.ts'
import { KafkaRequestReader } from './request-reader.ts'
import { SessionDeadlines, type SessionTimes } from './session-deadlines.ts'
import { UnsentFrames } from './unsent-frames.ts'
import type { Verdicts } from './verdict.ts'

/** The part of `limits.kafka` that applies to one connection. */
export interface BrokerSessionLimits extends SessionTimes {
  readonly frameBytes: number
  readonly heldBytes: number
  readonly requests: number
}

/** What a session tells. */
export interface BrokerSessionEvents {
  verdicts(): Verdicts
  /** The first request is whole: the broker is needed now. */
  began(session: BrokerSession): void
  named(clientId: string): void
  /** The protocol, or a limit, ends it. */
  refused(refusal: Refusal): void
  limitHit(limit: Limit): void
  /** Both ends are gone; `why`: what broke, where something did. */
  ended(session: BrokerSession, why: string): void
}

/** What a session is made with. */
export interface BrokerSessionParts {
  readonly client: Socket
  readonly brokers: Brokers
  readonly limits: BrokerSessionLimits
  /** One for each direction: requests that wait for a slow broker must not keep answers from coming in. */
  readonly room: { readonly requests: HeldBytes; readonly answers: HeldBytes }
  /** Milliseconds, monotonic. */
  readonly clock: { readonly now: number }
}

/** One connection of the module with one broker, with its requests and answers. */
export class BrokerSession {
  bytesIn = 0
  bytesOut = 0
  requests = 0
  readonly #client: Socket
  #broker: TLSSocket | undefined
  readonly #limits: BrokerSessionLimits
  readonly #events: BrokerSessionEvents
  readonly #awaited: AwaitedAnswers
  readonly #requestReader: KafkaRequestReader
  readonly #answerReader: AnswerReader
  readonly #fromClient: FrameScanner
  readonly #fromBroker: FrameScanner
  /** Frames for a broker that is not connected yet. */
  #early: { frames: readonly Buffer[]; room: HeldRoom | undefined } | null = null
  readonly #unsent: UnsentFrames
  #began = false
  #clientEnded = false
  #waitsForBrokers = false
  #retiring = false
  #over = false
  #scanning = false
  #open = 1
  #why = ''
  readonly #deadlines: SessionDeadlines

  constructor(parts: BrokerSessionParts, events: BrokerSessionEvents) {
    const { client, brokers, limits, room, clock } = parts
    const { verdicts, named, limitHit } = events
    this.#client = client
    this.#limits = limits
    this.#events = events
    this.#deadlines = new SessionDeadlines(limits, clock)
    this.#unsent = new UnsentFrames(clock)
    this.#awaited = new AwaitedAnswers(room.answers)
    const { frameBytes: longest, heldBytes: longestHeld } = limits
    this.#requestReader = new KafkaRequestReader(
      {
        ...{ verdicts, named, limitHit },
        taken: (frames, awaited, held) => this.#taken(frames, awaited, held),
      },
      new FetchSessions(),
    )
    this.#answerReader = new AnswerReader(
      {
        answer: (bytes, held) => this.#answer(bytes, held),
        answered: () => this.#answered(),
        later: (opening, done) => this.#later(opening, done),
        rules: () => verdicts().rules,
        limitHit,
      },
      this.#awaited,
      brokers,
    )
    const kept = { longest, longestHeld, clock }
    this.#fromClient = new FrameScanner(this.#requestReader, { ...kept, budget: room.requests })
    this.#fromBroker = new FrameScanner(this.#answerReader, { ...kept, budget: room.answers })
    this.#fromClient.onRoom = () => this.#flow()
    this.#fromBroker.onRoom = () => this.#flow()
    this.#watch(client, (chunk) => {
      this.bytesIn += chunk.length
      this.#scanned(this.#fromClient.scan(chunk), this.#fromClient)
    })
  }

  /** Its broker is verified; what waits is sent. */
  connected(broker: TLSSocket): void {
    if (this.#over) return void broker.destroy()
    this.#broker = broker
    this.#open++
    this.#watch(broker, (chunk) => {
      this.bytesOut += chunk.length
      this.#scanned(this.#fromBroker.scan(chunk), this.#fromBroker)
    })
    const early = this.#early
    this.#early = null
    if (early !== null) this.#unsent.send(broker, early.frames, early.room, true)
    this.#flow()
  }

  /** Ends between two requests: no further one is accepted, and open ones are answered. */
  retire(): void {
    this.#retiring = true
    this.#flow()
  }

  /** Ends now. Kafka has no message for this: the client connects again. */
  end(): void {
    if (this.#over) return
    this.#over = true
    this.#deadlines.ended()
    this.#broker?.destroy()
    this.#client.end()
    // Unread bytes would turn the end into a reset, and the last answer would be lost.
    this.#client.resume()
  }

  destroy(): void {
    this.#over = true
    this.#client.destroy()
    this.#broker?.destroy()
  }

  tick(now: number): void {
    if (this.#deadlines.isOver(now)) return this.destroy()
    if (this.#over) return
    const gatheredSince = Math.min(this.#fromClient.gatheredSince, this.#fromBroker.gatheredSince)
    const heldSince = Math.min(gatheredSince, this.#unsent.oldest)
    const refusal = this.#deadlines.refusal(now, heldSince)
    if (refusal !== null) this.refuse(refusal)
  }

  #taken(
    frames: readonly Buffer[],
    awaited: Parameters<AwaitedAnswers['add']>[0],
    room: HeldRoom | undefined,
  ): boolean {
    this.requests++
    const { room: sending, refusal, isKept } = this.#awaited.add(awaited, room)
    if (refusal !== undefined) this.refuse(refusal)
    if (frames.length === 0) sending?.release()
    else if (this.#broker === undefined) this.#early = { frames, room: sending }
    else this.#unsent.send(this.#broker, frames, sending, isKept)
    for (const { own, room } of this.#awaited.takeOwn()) this.#answer(own, room)
    if (!this.#began && !this.#over) {
      this.#began = true
      this.#events.began(this)
    }
    if (this.#awaited.size >= this.#limits.requests) this.#events.limitHit('kafka.requests')
    return this.#mayTake()
  }

  /** May the next request be read? */
  #mayTake(): boolean {
    if (this.#over || this.#retiring || this.#broker === undefined) return false
    if (this.#awaited.isFull(this.#limits.requests)) return false
    return !this.#broker.writableNeedDrain && !this.#client.writableNeedDrain
  }

  #answer(bytes: readonly Buffer[], room?: HeldRoom): void {
    if (this.#client.writable) this.#unsent.send(this.#client, bytes, room, false)
    else room?.release()
  }

  #answered(): void {
    this.#awaited.shift()
    for (const { own, room } of this.#awaited.takeOwn()) this.#answer(own, room)
  }

  #later(opening: Promise<unknown>, done: () => void): void {
    this.#waitsForBrokers = true
    void opening.then(() => {
      this.#waitsForBrokers = false
      // Also if it is over: the answer gives its room back.
      done()
      this.#flow()
    })
  }

  #scanned(result: FramesScanned, scanner: FrameScanner): void {
    if (this.#over) return
    this.#deadlines.active()
    const refusal = this.#requestReader.refusal ?? this.#answerReader.refusal
    if (refusal !== undefined) return this.refuse(refusal)
    if (result === 'broken') return this.refuse(brokenFrame(scanner, scanner === this.#fromClient))
    if (result === 'end') return this.end()
    this.#flow()
  }

  /** Reads from each side as far as the other one accepts it. */
  #flow(): void {
    if (this.#over || this.#scanning) return
    this.#scanning = true
    if (this.#mayTake()) this.#goOn(this.#fromClient)
    if (this.#mayAnswer()) this.#goOn(this.#fromBroker)
    this.#scanning = false
    if (this.#over) return
    const [client, broker] = [this.#client, this.#broker]
    // It is read until its first request arrives, because the session waits for that.
    if (!this.#began || (this.#mayTake() && !this.#fromClient.isWaiting)) client.resume()
    else client.pause()
    if (broker !== undefined) {
      if (this.#mayAnswer() && !this.#fromBroker.isWaiting) broker.resume()
      else broker.pause()
    }
    if (this.#retiring && this.#awaited.size === 0) return this.end()
    if (this.#clientEnded && !this.#fromClient.isWaiting && this.#early === null) broker?.end()
  }

  #mayAnswer(): boolean {
    return !this.#client.writableNeedDrain && !this.#waitsForBrokers
  }

  #goOn(scanner: FrameScanner): void {
    if (scanner.isWaiting && !this.#over) this.#scanned(scanner.resume(), scanner)
  }

  /** Ends now, for a reason that is told. */
  refuse(refusal: Refusal): void {
    if (this.#over) return
    this.end()
    this.#events.refused(refusal)
  }

  #watch(socket: Socket, said: (chunk: Buffer) => void): void {
    socket.on('data', (chunk: Buffer) => {
      if (!this.#over) said(chunk)
    })
    socket.on('drain', () => this.#flow())
    socket.on('error', (error) => {
      if (!this.#over && this.#why === '') this.#why = saidBy(error)
      socket.destroy()
    })
    socket.on('end', () => this.#sideEnded(socket))
    socket.on('close', () => {
      if (socket === this.#client) this.#broker?.destroy()
      else this.end()
      if (--this.#open > 0) return
      this.#over = true
      this.#fromClient.destroy()
      this.#fromBroker.destroy()
      this.#early?.room?.release()
      this.#unsent.destroy()
      this.#awaited.destroy()
      this.#events.ended(this, this.#why)
    })
  }

  #sideEnded(socket: Socket): void {
    if (socket !== this.#client) {
      socket.end()
      return this.end()
    }
    this.#clientEnded = true
    if (this.#over || this.#broker === undefined) return void this.#client.end()
    this.#flow()
  }
}
