import type { Attack, Group, Need } from './attack.ts'
import { type Context, closedTo, forWriting } from './context.ts'
import { handshakeWith, send } from './conversation.ts'
import type { ClientHandshake } from './dial.ts'
import { type AttackFinding, findingOf } from './finding.ts'
import { honest, type Lines, type Message, requestBytes, withJson } from './http.ts'

/** The columns that rows of all kinds have. */
export interface Row {
  readonly id: string
  readonly title: string
  readonly meaning: string
  readonly remedy: string
  /** By default the sentence of its kind. */
  readonly judged?: string
  readonly needs?: readonly Need[]
  readonly against?: 'module' | 'okapi'
}

/** A row of forbidden calls. */
export interface CallRow extends Row {
  readonly group?: Group
  /**
   * `stolen` (the default): as the hijacked module. `accepted`: as a caller that the target lets in.
   * `mismatch`: as the caller whose requirement no installed version meets. `none`: as an outsider.
   */
  readonly as?: 'stolen' | 'accepted' | 'mismatch' | 'none'
  /** One call, or several that are tried until one gets through. */
  calls(context: Context): readonly ForbiddenCall[]
}

/** A request. `lines` replace the honest ones, `more` follow them. */
export type ForbiddenCall = Partial<Message> & { readonly target: string; readonly more?: Lines }

/** Well-formed calls that this caller may not make. */
export function callAttack({ calls, as = 'stolen', group = 'policy', ...row }: CallRow): Attack {
  return {
    judged: 'Any answer but a refusal means that the call was passed on.',
    ...row,
    group,
    async run(context) {
      const { credentials: stolen, accepted, mismatch } = context
      const pair = { stolen, accepted, mismatch: mismatch?.pair, none: undefined }[as]
      const handshake = handshakeWith(pair)
      let worst: AttackFinding | undefined
      for (const { more = [], ...call } of calls(context)) {
        const lines =
          call.lines ?? linesOf([...honest(sender(context, call.method)), ...more], call)
        const bytes = requestBytes({ ...call, lines })
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

/** Calls that may change something are made for a tenant that does not exist. */
function sender(context: Context, method = 'GET'): Context {
  return /^(?:GET|HEAD|OPTIONS|TRACE)$/.test(method) ? context : forWriting(context)
}

function linesOf(lines: Lines, { body }: ForbiddenCall): Lines {
  return body === undefined ? lines : withJson(lines, body)
}

/** A row of header lines that no caller may send, or that two readers understand differently. */
export interface HeaderRow extends Row {
  /** Lines after the honest ones; a function gets the honest ones and replaces them. */
  readonly lines: Lines | ((context: Context, honest: Lines) => Lines)
}

/** An ordinary call, except for its header lines. */
export function headerAttack({ lines, ...row }: HeaderRow): Attack {
  return {
    judged: 'The call is otherwise ordinary, so any answer but a refusal means that it went on.',
    ...row,
    group: 'headers',
    async run(context) {
      const own = honest(context)
      const all = typeof lines === 'function' ? lines(context, own) : [...own, ...lines]
      return findingOf(await send(context, ordinaryRequest(context, { lines: all })))
    },
  }
}

/** The finding on an ordinary GET after this handshake. */
export async function ordinaryCall(
  context: Context,
  handshake: ClientHandshake,
): Promise<AttackFinding> {
  return findingOf(await send(context, ordinaryRequest(context), { handshake }))
}

/** An ordinary GET, with the given differences. */
export function ordinaryRequest(context: Context, different: Partial<Message> = {}): Buffer {
  return requestBytes({ target: context.ordinaryPath, lines: honest(context), ...different })
}

/** The request to smuggle, which would be refused if it were judged. Latin-1. */
export function smuggledRequest(context: Context): string {
  return ordinaryRequest(context, { target: closedTo(context) }).toString('latin1')
}
