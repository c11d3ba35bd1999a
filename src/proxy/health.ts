import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Exchange, Upstream } from '../wire/exchange.ts'
import type { UpstreamStream } from '../wire/face.ts'
import { response } from './refused.ts'
import type { RequestContext } from './request-context.ts'

/** Tries once whether something listens; `done` is called once. */
export type ConnectionCheck = (done: (refusal: Refusal | null) => void) => void

/** The place of an exchange that waits for a listener to open. */
class Knocking implements UpstreamStream {
  readonly blocked = true
  readonly bufferedBytes = 0
  left = false

  span(): void {}
  flush(): void {}
  finish(): void {}
  resume(): void {}

  cancel(): void {
    this.left = true
  }
}

/**
 * Answers Okapi's question whether a module is there. Its discovery asks `GET <url>` and takes any
 * answer for health, so the sidecar says yes only when the module's port opens. The module sees no
 * byte of it.
 */
export function healthOf(
  module: string,
  connectionCheck: ConnectionCheck,
): Upstream<RequestContext> {
  return {
    open(x: Exchange<RequestContext>) {
      const knocking = new Knocking()
      x.upstream = knocking
      connectionCheck((refusal) => {
        if (knocking.left) return
        if (refusal === null)
          x.reply(200, (close) => response(x, 200, JSON_TYPE, up(module), [], close))
        else if (refusal.reason === 'draining') x.fail(refusal)
        else x.fail(refuse('module-unavailable', `${module} does not listen: ${refusal.because}`))
      })
    },
  }
}

const JSON_TYPE = 'application/json'

function up(module: string): string {
  return JSON.stringify({ module, status: 'UP' })
}
