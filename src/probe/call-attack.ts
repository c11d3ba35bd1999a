import type { Attack, Group, Need } from './attack.ts'
import { type Context, forWriting } from './context.ts'
import { handshakeWith, send } from './conversation.ts'
import { type Finding, findingOf } from './finding.ts'
import { honest, type Lines, type Message, request } from './http.ts'

/** What one forbidden call adds to the common attack. */
export interface CallAttack {
  readonly id: string
  readonly group?: Group
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  readonly needs?: readonly Need[]
  readonly against?: 'module' | 'okapi'
  /**
   * `stolen` (the default): as the hijacked module. `pass`: as somebody whom the door lets in.
   * `mismatch`: as the caller whose requirement nobody fits.
   */
  readonly as?: 'stolen' | 'accepted' | 'mismatch'
  /** One call, or several that are tried until one gets through. */
  calls(context: Context): readonly Call[]
}

/** A request, with its lines in place of the honest ones where it has any. */
export type Call = Partial<Message> & { readonly target: string; readonly more?: Lines }

/** Well-formed calls that this caller may not make. */
export function callAttack({
  calls,
  as = 'stolen',
  group = 'policy',
  ...spec
}: CallAttack): Attack {
  return {
    ...spec,
    group,
    judged: 'Any answer but a refusal means that the call was passed on.',
    async run(context) {
      const { credentials: stolen, accepted, mismatch } = context
      const handshake = handshakeWith({ stolen, accepted, mismatch: mismatch?.pair }[as])
      let worst: Finding | undefined
      for (const { more = [], ...call } of calls(context)) {
        const lines = call.lines ?? [
          ...honest(sender(context, call.method)),
          ...more,
          ...length(call.body),
        ]
        const bytes = request({ ...call, lines })
        const finding = findingOf(
          await send(context, bytes, { methods: [call.method ?? 'GET'], handshake }),
        )
        if (finding.outcome === 'got-through') return finding
        if (worst === undefined || finding.outcome === 'inconclusive') worst = finding
      }
      return worst!
    },
  }
}

/** What is no plain reading is done to a tenant that does not exist. */
function sender(context: Context, method = 'GET'): Context {
  return /^(?:GET|HEAD|OPTIONS|TRACE)$/.test(method) ? context : forWriting(context)
}

function length(body: string | undefined): Lines {
  if (body === undefined) return []
  return [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(Buffer.byteLength(body, 'latin1'))],
  ]
}
