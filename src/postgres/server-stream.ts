import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { type AuthenticationMethod, ServerLogin } from './authentication.ts'
import { negotiateProtocolVersion } from './errors.ts'
import { MembershipQuestion } from './membership.ts'
import {
  FROM_SERVER,
  HEADER_BYTES,
  MessageScanner,
  type MessageVerdict,
  type MessageWatcher,
  type Scanned,
  textsIn,
} from './protocol.ts'
import {
  type DatabaseRules,
  type Judgement,
  judgeGrants,
  judgeMemberships,
  judgeRole,
  judgeSuperuser,
  judgeUnsaid,
} from './rules.ts'

const NOTHING = Buffer.alloc(0)

/** Who is told what the server says. */
export interface ServerEvents {
  /** The key by which this session can be cancelled. */
  key(processId: number, key: Buffer): void
  /** The sidecar's own query, to be sent to the server now. */
  ask(question: Buffer): void
  /** The first ReadyForQuery that passes: the login is over. */
  loggedIn(): void
  /** A message begins that passes, whatever it holds. */
  passes(type: number): void
  /** ReadyForQuery; `idle`: no transaction is open. */
  ready(idle: boolean): void
  /** A rule is broken, and in report mode it passes. */
  wouldDeny(refusal: Refusal): void
}

/**
 * What a server sends. The server itself reports the role of a session: `is_superuser` and
 * `session_authorization` come at login, and whenever they change. What the role may become is
 * queried after the login, before anything of the client passes.
 */
export class ServerStream implements MessageWatcher {
  readonly login: ServerLogin
  /** Why the session ends; set before `scan` returns `end`. */
  refusal: Refusal | null = null
  readonly #scanner = new MessageScanner(this)
  readonly #rules: DatabaseRules
  readonly #events: ServerEvents
  #role: string
  #superuser: boolean | undefined
  #ready = false
  /** Its answer is awaited: until then nothing else passes. */
  #question: MembershipQuestion | null = null
  #hasKey = false
  /** The client requested a newer protocol than the server was asked for. */
  #lowered: boolean
  /** What was reported already: the server repeats itself with each SET ROLE. */
  readonly #reported = new Set<string>()

  constructor(
    { user, lowered }: { readonly user: string; readonly lowered: boolean },
    rules: DatabaseRules,
    events: ServerEvents,
  ) {
    this.login = new ServerLogin(rules.authentication satisfies readonly AuthenticationMethod[])
    this.#role = user
    this.#lowered = lowered
    this.#rules = rules
    this.#events = events
  }

  /** Were whole messages passed? Then one of our own may follow. */
  get atBoundary(): boolean {
    return this.#scanner.atBoundary
  }

  get isReady(): boolean {
    return this.#ready
  }

  scan(chunk: Buffer, pass: (bytes: Uint8Array) => void): Scanned {
    if (!this.#lowered) return this.#scanner.scan(chunk, pass)
    this.#lowered = false
    // A server that supports less than 3.2 says so itself, and then that counts.
    if (chunk[0] !== FROM_SERVER.negotiateProtocolVersion) pass(negotiateProtocolVersion())
    return this.#scanner.scan(chunk, pass)
  }

  begins(type: number): 'through' | 'whole' {
    if (this.#question !== null) return 'whole'
    switch (type) {
      case FROM_SERVER.authentication:
      case FROM_SERVER.parameterStatus:
      case FROM_SERVER.backendKeyData:
      case FROM_SERVER.readyForQuery:
        return 'whole'
      default:
        this.#events.passes(type)
        return 'through'
    }
  }

  read(type: number, message: Buffer): MessageVerdict {
    switch (type) {
      case FROM_SERVER.authentication:
        return this.#authentication(message)
      case FROM_SERVER.parameterStatus:
        return this.#parameter(message)
      case FROM_SERVER.backendKeyData:
        return this.#key(message)
      case FROM_SERVER.readyForQuery:
        return this.#readyForQuery(message)
      default:
        if (this.#question?.take(type, message) === true) return NOTHING
        return this.#malformed('an answer about memberships')
    }
  }

  #authentication(message: Buffer): MessageVerdict {
    const said = this.login.read(message)
    return isRefusal(said) ? this.#end(said) : said
  }

  #parameter(message: Buffer): MessageVerdict {
    const body = message.subarray(HEADER_BYTES)
    // Values come in the encoding that the client chose, and most are for the client alone.
    const name = body.toString('latin1', 0, Math.max(0, body.indexOf(0)))
    const isOurs = name === 'session_authorization' || name === 'is_superuser'
    const [, value] = (isOurs ? textsIn(body) : [name, '']) ?? []
    if (name === '' || value === undefined) return this.#malformed('a ParameterStatus')
    if (name === 'session_authorization') {
      this.#role = value
      return this.#judged(judgeRole(value, this.#rules))
    }
    if (name !== 'is_superuser') return 'pass'
    this.#superuser = value !== 'off'
    return this.#superuser ? this.#judged(judgeSuperuser(this.#role, this.#rules)) : 'pass'
  }

  #key(message: Buffer): MessageVerdict {
    const key = message.subarray(HEADER_BYTES + 4)
    const fits = !this.#ready && !this.#hasKey && key.length >= 4 && key.length <= 256
    if (!fits) return this.#malformed('a cancel key')
    this.#hasKey = true
    this.#events.key(message.readInt32BE(HEADER_BYTES), Buffer.from(key))
    return 'pass'
  }

  #readyForQuery(message: Buffer): MessageVerdict {
    const status = message[HEADER_BYTES]
    if (message.length !== HEADER_BYTES + 1) return this.#malformed('a ReadyForQuery')
    if (!this.#ready) {
      if (!this.login.done) return this.#malformed('a ReadyForQuery before the login is over')
      const verdict = this.#question === null ? this.#loggedIn() : this.#answered(this.#question)
      if (verdict !== 'pass') return verdict
      this.#ready = true
      this.#events.loggedIn()
    }
    this.#events.ready(status === 0x49)
    return 'pass'
  }

  /** The server's login is over. A superuser was judged already, and may become whatever it likes. */
  #loggedIn(): MessageVerdict {
    // A pooler in between may not pass it on; then the role is unknown.
    if (this.#superuser === undefined) return this.#judged(judgeUnsaid(this.#rules))
    if (this.#superuser) return 'pass'
    this.#question = new MembershipQuestion()
    this.#events.ask(MembershipQuestion.bytes)
    return NOTHING
  }

  #answered({ roles, grantsItself }: MembershipQuestion): MessageVerdict {
    this.#question = null
    const verdict = this.#judged(judgeMemberships(this.#role, roles, this.#rules))
    return verdict === 'pass' && grantsItself ? this.#judged(judgeGrants(this.#role)) : verdict
  }

  #judged(judgement: Judgement | undefined): MessageVerdict {
    if (judgement === undefined) return 'pass'
    const { refusal, passes } = judgement
    if (!passes) return this.#end(refusal)
    const key = `${refusal.reason} ${refusal.because}`
    if (!this.#reported.has(key) && this.#reported.size < 100) {
      this.#reported.add(key)
      this.#events.wouldDeny(refusal)
    }
    return 'pass'
  }

  #malformed(what: string): 'end' {
    return this.#end(refuse('upstream-malformed', `the server sent ${what} that is none`))
  }

  #end(refusal: Refusal): 'end' {
    this.refusal = refusal
    return 'end'
  }
}
