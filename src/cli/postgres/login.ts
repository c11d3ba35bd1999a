import type { Config } from '../../config/config.ts'
import type { DatabaseSettings } from '../../config/database.ts'
import { HEADER_BYTES, MessageScanner, message, TERMINATE } from '../../postgres/protocol.ts'
import { ServerStream } from '../../postgres/server-stream.ts'
import { startupMessage } from '../../postgres/startup.ts'
import type { Refusal } from '../../refusal/refusal.ts'
import type { OpenedNamed } from '../../transport/named-handshake.ts'
import { printable } from '../terminal.ts'
import { RMB_EXTENSIONS } from './sql.ts'

/** The result of a login without a password. */
export interface TriedLogin {
  readonly ok: boolean
  /** How the server asks for authentication, or how the login ended. */
  readonly login: string
  /** The extensions that RMB needs, or why they are not known. */
  readonly extensions: string
  /** How many sessions the server takes from all its clients together; null if it was not asked. */
  readonly maxConnections: number | null
}

const LIST = RMB_EXTENSIONS.map((name) => `'${name}'`).join(', ')
const MAX_CONNECTIONS = 'max_connections'
// For each extension, the name and the installed version, or '-'; the setting in the same form.
const SQL = `SELECT name || ' ' || coalesce(installed_version, '-') FROM pg_available_extensions WHERE name IN (${LIST})
UNION ALL SELECT '${MAX_CONNECTIONS} ' || current_setting('${MAX_CONNECTIONS}')`
const QUERY = message(0x51, Buffer.from(`${SQL}\0`))
const NOT_ASKED = 'not asked: not logged in'

/** Logs in if the server requires no password, then queries the extensions. Ends the connection. */
export function logIn(
  { socket }: OpenedNamed,
  role: string,
  settings: DatabaseSettings,
  { limits }: Config,
): Promise<TriedLogin> {
  return new Promise((resolve) => {
    const finish = (ok: boolean, login: string, asked?: Answer) => {
      const { extensions = NOT_ASKED, maxConnections = null } = asked ?? {}
      resolve({ ok, login, extensions, maxConnections })
      socket.end(TERMINATE)
      socket.destroySoon()
    }
    const answer = new Answer()
    let login = 'by the certificate; it is not a superuser, and cannot become one'
    // Number of ReadyForQuery messages: one after the login, one after the query.
    let readied = 0
    const stream = new ServerStream({ user: role, lowered: false }, settings, {
      key: () => {},
      ask: (question) => socket.write(question),
      wouldDeny: (refusal) => {
        login = `reported only: ${saidOf(refusal)}`
      },
      loggedIn: () => {},
      passes: () => {},
      ready: () => {
        readied++
      },
    })
    socket.setTimeout(limits.databaseLoginMs, () => finish(false, 'the server says nothing'))
    socket.on('error', (error) => {
      socket.destroy()
      finish(false, String(error))
    })
    socket.on('close', () => finish(false, 'the server closed the connection'))
    socket.on('data', (chunk: Buffer) => {
      const before = readied
      const scanned = stream.scan(chunk, (bytes) => answer.take(Buffer.from(bytes)))
      if (stream.refusal !== null) finish(false, saidOf(stream.refusal))
      else if (scanned !== 'on') finish(false, 'the server sent something that is not a message')
      else if (readied === 0 && answer.error !== undefined) finish(false, answer.error)
      else if (stream.login.answerDue) {
        finish(true, `the server asks for ${stream.login.asked}; no password is sent here`)
      } else if (readied >= 2) finish(true, login, answer)
      else if (readied > before) socket.write(QUERY)
    })
    socket.write(startupMessage({ user: role, database: settings.databases[0] ?? role }))
  })
}

/** A refusal as one line. */
export function saidOf({ reason, because, wouldAllow }: Refusal): string {
  const hint = wouldAllow === undefined ? '' : `; it would be allowed by ${wouldAllow}`
  return `${reason}: ${because}${hint}`
}

const ERROR_RESPONSE = 0x45
const DATA_ROW = 0x44

/** The errors in the server's messages, and the rows, each with one column. */
class Answer {
  error: string | undefined
  readonly #installed = new Map<string, string>()
  readonly #scanner = new MessageScanner({
    begins: (type) => (type === ERROR_RESPONSE || type === DATA_ROW ? 'whole' : 'through'),
    read: (type, whole) => {
      if (type === ERROR_RESPONSE) this.error = errorIn(whole)
      else {
        // Int16, the number of columns; Int32, the length of the first.
        const text = whole.subarray(HEADER_BYTES + 6).toString()
        const [name = '', version = '-'] = text.split(' ')
        this.#installed.set(name, version)
      }
      return 'pass'
    },
  })

  take(bytes: Buffer): void {
    this.#scanner.scan(bytes, () => {})
  }

  get maxConnections(): number | null {
    return Number(this.#installed.get(MAX_CONNECTIONS)) || null
  }

  get extensions(): string {
    if (this.error !== undefined) return `not known: ${this.error}`
    const each = RMB_EXTENSIONS.map((name) => {
      const version = this.#installed.get(name)
      if (version === undefined) return `${name} is not on the server`
      return version === '-' ? `${name} can be created` : `${name} ${version}`
    })
    return each.join(', ')
  }
}

/** The message of an ErrorResponse. */
function errorIn(whole: Buffer): string {
  const fields = whole.subarray(HEADER_BYTES).toString().split('\0')
  const said = fields.find((field) => field.startsWith('M'))?.slice(1)
  return said === undefined ? 'an error without a message' : printable(said)
}
