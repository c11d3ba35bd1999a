import type { Limit } from '../refusal/limits.ts'
import { type Refusal, refuse } from '../refusal/refusal.ts'
import { answerFrame } from './answer-reader.ts'
import { API_VERSIONS, unsupportedVersions } from './api-versions.ts'
import { APIS } from './apis/all.ts'
import type { ApiVersion } from './apis/api.ts'
import type { AwaitedAnswer } from './awaited-answers.ts'
import { RequestRefused } from './errors.ts'
import type { FetchSessions } from './fetch-sessions.ts'
import type { FrameWanted, FrameWatcher } from './frames.ts'
import type { HeldRoom } from './held-bytes.ts'
import { PASS } from './judged.ts'
import type { MessageValues } from './message.ts'
import { readRequestHead } from './request-head.ts'
import { judgeRequest } from './request-judge.ts'
import { told, type Verdicts } from './verdict.ts'
import { KafkaFlaw, WireReader } from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

/** What reading requests leads to. */
export interface RequestEvents {
  /** Rules as they are now. */
  verdicts(): Verdicts
  /**
   * A request was judged. `frames` go to the broker, and `room` is released when they are sent;
   * `awaited` is null if no answer is expected. Returns whether the next one may be read now.
   */
  taken(
    frames: readonly Buffer[],
    awaited: AwaitedAnswer | null,
    room: HeldRoom | undefined,
  ): boolean
  named(clientId: string): void
  limitHit(limit: Limit): void
}

/**
 * Reads what a client sends: each request is held, decoded as a whole, and checked against the
 * rules.
 */
export class KafkaRequestReader implements FrameWatcher {
  readonly #events: RequestEvents
  readonly #sessions: FetchSessions
  /** Why there is an end. */
  refusal: Refusal | undefined

  constructor(events: RequestEvents, sessions: FetchSessions) {
    this.#events = events
    this.#sessions = sessions
  }

  begins(size: number, head: Buffer): FrameWanted {
    if (size < 12) return this.#end('a request has no head')
    const [key, version] = [head.readInt16BE(4), head.readInt16BE(6)]
    if (APIS.find(key, version) !== undefined || key === API_VERSIONS) return 'hold'
    const name = APIS.entry(key)?.name ?? `API ${key}`
    this.refusal = refuse(
      'version-not-supported',
      `${name} in version ${version} is not understood here`,
    )
    return 'end'
  }

  whole(frame: Buffer, room: HeldRoom | undefined): boolean {
    try {
      return this.#read(frame, room)
    } catch (error) {
      room?.release()
      if (error instanceof RequestRefused) this.refusal = error.refusal
      else if (error instanceof KafkaFlaw) this.#end(error.message)
      else throw error
      return false
    }
  }

  noRoom(): void {
    this.#events.limitHit('kafka.bufferedBytes')
  }

  // Requests never stream.
  head(): void {}
  rest(): void {}

  #read(frame: Buffer, room: HeldRoom | undefined): boolean {
    const reader = new WireReader(frame, 4)
    const { api, correlationId, clientId } = readRequestHead(reader)
    if (api === undefined) return this.#answerUnsupported(correlationId, room)
    if (clientId !== null) this.#events.named(told(clientId))
    const bodyAt = reader.at
    let judged: ReturnType<typeof judgeRequest>
    try {
      const request = api.request.read(reader)
      reader.done()
      judged = judgeRequest(api, request, this.#events.verdicts(), this.#sessions)
      if (judged.kind === 'pass' && api.api.key === 0 && request['acks'] === 0) {
        return this.#events.taken([frame], null, room)
      }
      if (judged.kind === 'forward' && request['acks'] === 0) {
        return this.#events.taken(changed(frame, bodyAt, api, judged.requests), null, room)
      }
    } catch (error) {
      if (!(error instanceof KafkaFlaw)) throw error
      throw new KafkaFlaw(`${api.api.name} ${api.version}: ${error.message}`)
    }
    const { rules } = this.#events.verdicts()
    const by = { rules, stage: rules.stage }
    const awaited = { correlationId, api, judged, by, got: [], own: undefined }
    switch (judged.kind) {
      case 'pass':
        return this.#events.taken([frame], awaited, room)
      case 'own': {
        const { answer } = judged
        const own = answer === null ? null : answerFrame(api, correlationId, answer)
        return this.#events.taken([], own === null ? null : { ...awaited, own }, room)
      }
      case 'splice': {
        const requests = judged.request === 'same' ? judged.request : [judged.request]
        return this.#events.taken(changed(frame, bodyAt, api, requests), awaited, room)
      }
      case 'forward':
        return this.#events.taken(changed(frame, bodyAt, api, judged.requests), awaited, room)
    }
  }

  #answerUnsupported(correlationId: number, room: HeldRoom | undefined): boolean {
    const { api, answer } = unsupportedVersions()
    const own = answerFrame(api, correlationId, answer)
    return this.#events.taken([], { correlationId, api, judged: PASS, got: [], own }, room)
  }

  #end(because: string): 'end' {
    this.refusal = refuse('malformed-request', because)
    return 'end'
  }
}

/** The frames to forward: the original, or other bodies with the same head. */
function changed(
  frame: Buffer,
  bodyAt: number,
  api: ApiVersion,
  requests: readonly MessageValues[] | 'same',
): readonly Buffer[] {
  if (requests === 'same') return [frame]
  return requests.flatMap((request) => {
    const writer = new WireWriter()
    writer.slice(frame.subarray(4, bodyAt))
    api.request.write(writer, request)
    return writer.frame()
  })
}
