import { passwordProof, ScramClient } from './database-password.ts'
import { RawConnection, RECEIVED_BYTES_AT_MOST } from './raw-connection.ts'

/** SSLRequest: a request for TLS, instead of a start-up message. */
export const REQUEST_FOR_TLS = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])
const YES = 0x53
/** Type and length. */
const HEAD_BYTES = 5
/** Types of messages from the server, and then from us. */
const AUTHENTICATION = 0x52
const BACKEND_KEY_DATA = 0x4b
const READY_FOR_QUERY = 0x5a
const NOTICE = 0x4e
const ERROR = 0x45
const PASSWORD = 0x70
const QUERY = 0x51

/** A message of the server. */
export interface DatabaseMessage {
  readonly type: number
  readonly body: Buffer
}

/** How far a login got. */
export type LoginEnd =
  /** The server asks for a password of this role: nothing before has refused it. */
  | { readonly kind: 'asked'; readonly method: string; readonly said: DatabaseMessage }
  /** ReadyForQuery, with the data for a CancelRequest for this session. */
  | { readonly kind: 'in'; readonly key: Buffer }
  /** The fields of an ErrorResponse by their letter. */
  | { readonly kind: 'error'; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'ended'; readonly how: 'refused' | 'closed' | 'silent' }

const METHODS: Readonly<Record<number, string>> = {
  3: 'a password in clear text',
  5: 'an md5 password',
  7: 'GSSAPI',
  9: 'SSPI',
  10: 'a SCRAM password',
}

/** A connection that speaks PostgreSQL's protocol by hand. */
export class DatabaseConnection extends RawConnection {
  /** The one byte that answers an SSLRequest. */
  async byte(): Promise<number | undefined> {
    return (await this.has(1)) ? this.take(1)[0] : undefined
  }

  /** The next byte, not consumed. */
  async peek(): Promise<number | undefined> {
    return (await this.has(1)) ? this.bytes[0] : undefined
  }

  /** The next message; undefined if the connection ended before it was complete. */
  async message(): Promise<DatabaseMessage | undefined> {
    if (!(await this.has(HEAD_BYTES))) return undefined
    const length = this.bytes.readInt32BE(1)
    if (length < 4 || length > RECEIVED_BYTES_AT_MOST || !(await this.has(1 + length))) {
      return undefined
    }
    const whole = this.take(1 + length)
    return { type: whole[0]!, body: whole.subarray(HEAD_BYTES) }
  }

  /** Like libpq: TLS if the server has it, else plain. */
  async encryptIfOffered(): Promise<void> {
    this.write(REQUEST_FOR_TLS)
    if ((await this.byte()) === YES) this.encrypt()
  }
}

/** Sends a start-up message and returns the result. */
export async function startUp(
  connection: DatabaseConnection,
  parameters: Readonly<Record<string, string>>,
): Promise<LoginEnd> {
  connection.write(startupBytes(parameters))
  return answerOf(connection)
}

/** The next message that the server wants answered, or that ends the login. */
export async function answerOf(connection: DatabaseConnection): Promise<LoginEnd> {
  let key = Buffer.alloc(0)
  for (;;) {
    const said = await connection.message()
    if (said === undefined) return { kind: 'ended', how: connection.how }
    const { type, body } = said
    if (type === ERROR) return { kind: 'error', fields: fieldsOf(body) }
    if (type === READY_FOR_QUERY) return { kind: 'in', key }
    if (type === BACKEND_KEY_DATA) key = Buffer.from(body)
    if (type !== AUTHENTICATION || body.length < 4) continue
    const code = body.readInt32BE(0)
    // 0: the role is accepted; 12: the end of SCRAM, which needs no answer.
    if (code === 0 || code === 12) continue
    return { kind: 'asked', method: METHODS[code] ?? `authentication ${code}`, said }
  }
}

/** Logs in with this password. */
export async function logIn(
  connection: DatabaseConnection,
  parameters: Readonly<Record<string, string>> & { readonly user: string },
  password: string,
): Promise<LoginEnd> {
  const scram = new ScramClient(password)
  let end = await startUp(connection, parameters)
  for (let steps = 0; end.kind === 'asked' && steps < 3; steps++) {
    const answer = passwordProof(end.said.body, { user: parameters.user, password, scram })
    if (answer === undefined) return end
    connection.write(framed(PASSWORD, answer), '[proof of the password]')
    end = await answerOf(connection)
  }
  return end
}

function fieldsOf(body: Buffer): Readonly<Record<string, string>> {
  const texts = body
    .toString('utf8')
    .split('\0')
    .filter((text) => text !== '')
  return Object.fromEntries(texts.map((text) => [text.charAt(0), text.slice(1)]))
}

/** Runs a statement that raises a notice and then waits; `noticed` is called in between. Resolves to its SQLSTATE, or null. */
export async function waitingStatement(
  connection: DatabaseConnection,
  seconds: number,
  noticed: () => Promise<void>,
): Promise<string | null | undefined> {
  // A notice is sent at once, so the statement is certainly running when the cancel request is sent.
  const sql = `DO $$ BEGIN RAISE NOTICE 'waiting'; PERFORM pg_sleep(${seconds}); END $$`
  connection.write(framed(QUERY, Buffer.from(`${sql}\0`)))
  for (;;) {
    const said = await connection.message()
    if (said === undefined) return undefined
    if (said.type === NOTICE) await noticed()
    if (said.type === ERROR) return fieldsOf(said.body)['C'] ?? ''
    if (said.type === READY_FOR_QUERY) return null
  }
}

/** A start-up message of protocol 3.0. The probe must not share bugs with the sidecar, so it uses none of its code. */
export function startupBytes(parameters: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
  const body = Buffer.from(`${texts.join('')}\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(0x30000, 4)
  return Buffer.concat([head, body])
}

function framed(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head[0] = type
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** A CancelRequest for the session with this BackendKeyData. */
export function cancelBytes(key: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + key.length, 0)
  head.writeInt32BE(80877102, 4)
  return Buffer.concat([head, key])
}
