import { type Refusal, refuse } from '../refusal/refusal.ts'
import { FROM_SERVER, HEADER_BYTES, message, textsIn } from './protocol.ts'

/**
 * How a role may authenticate to the server, as named in pg_hba.conf. `cert`: only by the
 * certificate of the sidecar, so the server asks for nothing.
 */
export type AuthenticationMethod = 'scram-sha-256' | 'md5' | 'password' | 'cert'

/** Codes of AuthenticationXXX messages. */
const OK = 0
const CLEARTEXT = 3
const MD5 = 5
const SASL = 10
const SASL_CONTINUE = 11
const SASL_FINAL = 12

/**
 * Its sibling SCRAM-SHA-256-PLUS binds to the TLS connection, which is not the client's connection:
 * libpq even refuses a list with it on a plain connection.
 */
const SCRAM = 'SCRAM-SHA-256'

/** The server's side of one login. */
export class ServerLogin {
  readonly #allowed: readonly AuthenticationMethod[]
  #asked: AuthenticationMethod | undefined
  #done = false
  /** Does the server wait for an answer of the client? */
  answerDue = false

  constructor(allowed: readonly AuthenticationMethod[]) {
    this.#allowed = allowed
  }

  /** What the server asks for; undefined: for nothing yet. */
  get asked(): AuthenticationMethod | undefined {
    return this.#asked
  }

  get done(): boolean {
    return this.#done
  }

  /** What the client gets instead of an AuthenticationXXX message, or why the session ends. */
  read(said: Buffer): Buffer | Refusal {
    if (said.length < HEADER_BYTES + 4 || this.#done || this.answerDue) return outOfOrder()
    const code = said.readInt32BE(HEADER_BYTES)
    switch (code) {
      case OK:
        return this.#finish(said)
      case CLEARTEXT:
        return this.#begin('password', said)
      case MD5:
        return this.#begin('md5', said)
      case SASL:
        return this.#begin('scram-sha-256', said)
      case SASL_CONTINUE:
      case SASL_FINAL:
        if (this.#asked !== 'scram-sha-256') return outOfOrder()
        this.answerDue = code === SASL_CONTINUE
        return said
      default:
        return notAllowed(`the server asks for authentication ${code}`, this.#allowed)
    }
  }

  #finish(said: Buffer): Buffer | Refusal {
    if (this.#asked === undefined && !this.#allowed.includes('cert')) {
      return notAllowed('the server asks for no password', this.#allowed)
    }
    this.#done = true
    return said
  }

  #begin(method: AuthenticationMethod, said: Buffer): Buffer | Refusal {
    if (this.#asked !== undefined) return outOfOrder()
    if (!this.#allowed.includes(method)) {
      return notAllowed(`the server asks for ${method}`, this.#allowed)
    }
    this.#asked = method
    this.answerDue = true
    return method === 'scram-sha-256' ? this.#withoutBinding(said) : said
  }

  #withoutBinding(said: Buffer): Buffer | Refusal {
    const offered = textsIn(said.subarray(HEADER_BYTES + 4))
    if (offered?.includes(SCRAM) !== true) {
      return notAllowed(`the server offers ${offered?.join(', ') || 'nothing'}`, this.#allowed)
    }
    const body = Buffer.alloc(4)
    body.writeInt32BE(SASL)
    return message(FROM_SERVER.authentication, Buffer.concat([body, Buffer.from(`${SCRAM}\0\0`)]))
  }
}

function outOfOrder(): Refusal {
  return refuse('upstream-malformed', 'the server’s authentication messages are out of order')
}

function notAllowed(what: string, allowed: readonly string[]): Refusal {
  const because = `${what}, and only ${allowed.join(', ')} is allowed here`
  const wouldAllow = 'another line in pg_hba.conf, or `authentication` of this postgres listener'
  return refuse('authentication-not-allowed', because, { wouldAllow })
}
