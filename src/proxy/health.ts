import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Exchange, Upstream } from '../wire/exchange.ts'
import type { UpstreamStream } from '../wire/face.ts'
import { response } from './refused.ts'
import type { RequestContext } from './request-context.ts'

/** Tries once whether something listens; `done` is called once. */
export type ConnectionCheck = (done: (refusal: Refusal | null) => void) => void

type X = Exchange<RequestContext>

/**
 * The time between two tries. The question needs no place, and each try costs the module a
 * connection, so there are few, however many ask.
 */
const PACE_MS = 50

/** The place of an exchange that waits for a listener to open. */
class HealthQuestion implements UpstreamStream {
  readonly blocked = true
  readonly bufferedBytes = 0
  readonly x: X
  left = false

  constructor(x: X) {
    this.x = x
  }

  span(): void {}
  flush(): void {}
  finish(): void {}
  resume(): void {}

  cancel(): void {
    this.left = true
  }
}

/**
 * Answers Okapi's question whether a module is there. Its discovery sends `GET <url>` and treats
 * any answer as healthy, so the sidecar answers only when the module's port accepts a connection.
 * The module gets no byte of it. Questions that arrive before a try begins get its answer.
 */
export function healthOf(
  module: string,
  connectionCheck: ConnectionCheck,
): Upstream<RequestContext> {
  const asking = new Set<HealthQuestion>()
  let notBefore = 0
  let waits = false

  function next(): void {
    if (waits || asking.size === 0) return
    waits = true
    const pause = notBefore - performance.now()
    if (pause <= 0) check()
    else setTimeout(check, pause)
  }

  function check(): void {
    notBefore = performance.now() + PACE_MS
    const asked = [...asking]
    asking.clear()
    connectionCheck((refusal) => {
      waits = false
      for (const { x, left } of asked) if (!left) tell(x, refusal)
      next()
    })
  }

  function tell(x: X, refusal: Refusal | null): void {
    if (refusal === null)
      x.reply(200, (close) => response(x, 200, JSON_TYPE, up(module), [], close))
    else if (refusal.reason === 'draining') x.fail(refusal)
    else x.fail(refuse('module-unavailable', `${module} does not listen: ${refusal.because}`))
  }

  return {
    open(x) {
      const question = new HealthQuestion(x)
      x.upstream = question
      asking.add(question)
      next()
    },
  }
}

const JSON_TYPE = 'application/json'

function up(module: string): string {
  return JSON.stringify({ module, status: 'UP' })
}
