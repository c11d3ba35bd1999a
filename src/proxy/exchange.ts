import { type Refusal, refuse } from '../refusal/refusal.ts'
import type { Exchange } from '../wire/exchange.ts'
import type { Story, Upstream } from '../wire/face.ts'
import { type Head, LINE, METHODS } from '../wire/head.ts'
import type { HeadWriter } from '../wire/head-writer.ts'
import { ANSWER_OF_OKAPI, answersLose } from './header-tables.ts'
import * as headers from './headers.ts'
import { NAME } from './names.ts'
import type { Note } from './note.ts'
import type { OkapiUrl } from './okapi-url.ts'
import { ambiguous, invokedTenant, tenantMismatch } from './path.ts'
import { isPreflight } from './preflight.ts'
import { refusalResponse, refusedByCallee, unhealthy } from './refused.ts'
import type { Shares } from './shares.ts'

/** What the story of every exchange in this process needs to know. */
export interface House {
  /** Undefined where no egress is configured. */
  readonly okapiUrl: OkapiUrl | undefined
  /** The module's own loopback address: what X-Okapi-Url-to becomes. */
  readonly self: string
  /** Who may have how many exchanges open. */
  readonly shares: Shares
  /** Answers Okapi's health question about the module. */
  readonly health: Upstream<Note>
  /** Writes the log line and counts. */
  readonly record: (x: Exchange<Note>) => void
}

type X = Exchange<Note>

const SLASH = Buffer.from('/')

/**
 * The story of an exchange, from top to bottom: begin (identify, judge, rewrite, choose the upstream),
 * answer, end. Between them the wire relays bytes. Who the caller is was proven when its connection
 * was accepted.
 */
export function storyOf(house: House): Story<Note> {
  function begin(x: X, head: Head, out: HeadWriter): Upstream<Note> | Refusal {
    const { note } = x
    remember(note, head)
    return (
      note.door.destination(note, head) ??
      unsettled(x) ??
      judge(note, head) ??
      place(note) ??
      rewrite(note, head, out)
    )
  }

  /** A connection that finds no room to stay in has no further exchange. */
  function unsettled(x: X): Refusal | null {
    const { bare, slot } = x.note
    if (slot === null || slot.settle()) return null
    x.endsConnection()
    // Okapi takes no answer, and any but a good one, for a module that is gone: it is always asked.
    if (bare) return null
    return refuse('overloaded', 'limits.connections are open', { limit: 'connections' })
  }

  function judge(note: Note, head: Head): Refusal | null {
    const { door, at } = note
    const unclear = note.bare ? null : ambiguous(head, note.start, note.judge)
    if (unclear !== null) return unclear
    const tenants = tenantOf(note, head)
    if (tenants !== null) return tenants
    const decision = note.judge.decide(
      METHODS[head.method]!,
      note.bare ? SLASH : head.bytes,
      note.bare ? 0 : note.start,
      note.bare ? 1 : head.pathEnd,
      door.judgesTenant ? note.tenant : undefined,
      head.valueOf(NAME.moduleId),
      isPreflight(head),
    )
    note.decision = decision
    if (!decision.allow) return decision.refusal
    if (decision.sensitivity !== 'regular') {
      note.audit = decision.sensitivity
      note.userId = headers.claims(head, door.request).userId ?? head.valueOf(NAME.userId)
    }
    if (decision.health && head.pathEnd !== head.targetEnd) {
      return refuse('route-not-declared', `${at} is asked GET / with a query`)
    }
    // Only the sidecar beside the module can know; Okapi's passes the question on.
    if (decision.health && door.answerer === 'module') note.upstream = house.health
    return headers.forbidden(head, door.request) ?? headers.userId(head, door.request)
  }

  /** The question whether the module is well takes no place: it has to be answered at the worst of times. */
  function place(note: Note): Refusal | null {
    const { decision } = note
    if (note.bare || (decision?.allow === true && decision.health)) return null
    return house.shares.take(note, decision?.provider ?? null)
  }

  function rewrite(note: Note, head: Head, out: HeadWriter): Upstream<Note> | Refusal {
    const { request, okapiUrl } = note.door
    out.text(`${METHODS[head.method]!} `)
    if (note.bare) out.text('/')
    else out.span(head.bytes, note.start, head.targetEnd)
    out.text(` HTTP/1.1\r\nHost: ${note.authority}\r\n`)
    const refusal = headers.tokenCookies(head, out, request, note.traits)
    if (refusal !== null) return refusal
    if (okapiUrl === 'rewritten') {
      note.okapiUrl = headers.okapiUrls(head, out, house.okapiUrl, house.self)
    } else if (okapiUrl === 'replaced') {
      note.okapiUrl = headers.ownOkapiUrl(head, out, house.okapiUrl)
    }
    if (request.appendsAddress) headers.forwardedFor(head, out, addressOf(note.peerAddress))
    note.traceId = headers.trace(head, out, request, note.traceId)
    out.lines(head, request.fates, false)
    return note.upstream
  }

  function answer(x: X, head: Head, out: HeadWriter): Refusal | 'hang-up' | null {
    const { note } = x
    const { door, decision, traits } = note
    const refused = door.answerer === 'callee' ? refusedByCallee(head) : undefined
    if (refused !== undefined) {
      const because = `the sidecar of ${note.at} refuses: ${refused}`
      if (note.bare) return refuse('module-unavailable', because)
      if (hangsUp(note, refused)) return 'hang-up'
    }
    if (decision?.allow && decision.sensitivity === 'high') headers.noStore(head, out)
    if (door.answerer === 'okapi') {
      out.lines(head, ANSWER_OF_OKAPI, x.reframed)
      return null
    }
    if (!traits.authFilter && !traits.keepsTokens) headers.dropTokenSetCookies(head)
    if (door.answerer === 'module') {
      const told = door.okapiUrl === 'replaced' ? house.okapiUrl?.origin : undefined
      headers.location(head, out, house.okapiUrl, note.okapiUrl, told)
    }
    if (refused !== undefined) out.text(`X-Sidecar-Refused: ${refused}\r\n`)
    out.lines(head, answersLose(traits), x.reframed)
    return null
  }

  function refusal(x: X, refused: Refusal, close: boolean): Buffer | null {
    // A head that could not be read: what is noted belongs to the exchange before.
    if (x.method === -1) x.note.reset()
    if (x.note.bare) {
      x.endsConnection()
      return unhealthy(refused)
    }
    if (hangsUp(x.note, refused.reason)) return null
    return refusalResponse(x, refused, close)
  }

  function end(x: X): void {
    house.shares.give(x.note)
    house.record(x)
  }

  return { begin, answer, refusal, end }
}

/** The address without its port, as X-Forwarded-For has it. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

/** What log and refusal say about the request, whatever becomes of it. */
function remember(note: Note, head: Head): void {
  note.reset()
  note.requestId = head.valueOf(NAME.requestId)
  note.tenant = head.repeated(NAME.tenant)
  note.traceId = headers.givenTrace(head)
  note.origin = head.repeated(NAME.origin)
  note.start = head.targetStart
}

/**
 * The tenant that Okapi will take: of `/_/invoke/tenant/{t}/`, else the header, else the token's
 * claim, else supertenant (ProxyService.parseTokenAndPopulateContext). A module takes the header, and
 * hands the token on.
 */
function tenantOf(note: Note, head: Head): Refusal | null {
  const { door } = note
  if (!door.judgesTenant) return null
  const atModule = door.answerer === 'module'
  const invoked = atModule ? undefined : invokedTenant(head.bytes, note.start, head.pathEnd)
  if (invoked === undefined) {
    note.tenant ??= headers.claims(head, door.request).tenant ?? door.impliedTenant
    return null
  }
  const line = head.find(NAME.tenant)
  if (line !== -1) {
    if (head.value(line) !== invoked) return tenantMismatch()
    // Okapi adds its own (ProxyService.redirectProxy), and the module would get both.
    head.fate[line] = LINE.hop
  }
  note.tenant = invoked
  return null
}

/**
 * Okapi repeats a system call only when its connection breaks (OkapiClient.request1): where the module
 * is not there yet, it gets no answer at all. An upgrade finds the old version at the address first.
 */
function hangsUp({ door, decision }: Note, reason: string): boolean {
  if (door.direction !== 'modules') return false
  return decision?.allow === true && decision.system && NOT_THERE.has(reason)
}

/** Reasons after which another try may fare better. */
const NOT_THERE: ReadonlySet<string> = new Set([
  'too-many',
  'module-unavailable',
  'upstream-unreachable',
  'draining',
  'overloaded',
  'wrong-peer',
])
