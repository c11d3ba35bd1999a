import { isRefusal, type Refusal, refuse } from '../refusal/refusal.ts'
import { textsIn } from './protocol.ts'

/** Codes in the place of a protocol version (src/include/libpq/pqcomm.h). */
const CANCEL_REQUEST = 80877102
const SSL_REQUEST = 80877103
const GSSENC_REQUEST = 80877104
const MAJOR = 3
/** The newest minor version whose messages are known here (PostgreSQL 18). */
export const NEWEST_MINOR = 2
/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
const LONGEST_PACKET = 10_000
const SHORTEST_KEY = 4
const LONGEST_KEY = 256

/** What a client asks for to begin a session. */
export interface StartupMessage {
  readonly kind: 'startup'
  readonly user: string
  /** PostgreSQL takes the user's name where none is given. */
  readonly database: string
  /** Every parameter but user and database, by its name in lower case as PostgreSQL reads it. */
  readonly parameters: ReadonlyMap<string, string>
  /** What the server gets: unchanged, except for an unknown minor version. */
  readonly packet: Buffer
  /** The client asked for a newer minor version than the packet does. */
  readonly lowered: boolean
  /** What came behind it. */
  readonly rest: Buffer
}

/** A request of a connection of its own to cancel what a session does. */
export interface CancelRequest {
  readonly kind: 'cancel'
  readonly processId: number
  readonly key: Buffer
  readonly packet: Buffer
}

/** Reads what a client sends before a session begins. */
export class StartupReader {
  #bytes: Buffer = Buffer.alloc(0)
  #sslAsked = false
  #gssAsked = false

  /**
   * Takes the next bytes. `more`: the packet is not whole yet. `no-encryption`: the client asked for TLS or GSSAPI
   * and is to be answered `N`.
   */
  read(chunk: Buffer): 'more' | 'no-encryption' | StartupMessage | CancelRequest | Refusal {
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#bytes = bytes
    if (bytes.length < 4) return 'more'
    const length = bytes.readUInt32BE(0)
    if (length < 8 || length > LONGEST_PACKET) return noStartup(bytes, length)
    if (bytes.length < 8) return 'more'
    const code = bytes.readUInt32BE(4)
    const wrong = wrongLength(code, length)
    if (wrong !== undefined) return malformed(wrong)
    if (bytes.length < length) return 'more'
    const packet = bytes.subarray(0, length)
    const rest = bytes.subarray(length)
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) return this.#encryption(code, rest)
    if (code !== CANCEL_REQUEST) return startupIn(packet, rest)
    if (rest.length > 0) return malformed('there are bytes behind a CancelRequest')
    return {
      kind: 'cancel',
      processId: packet.readInt32BE(8),
      key: Buffer.from(packet.subarray(12)),
      packet: Buffer.from(packet),
    }
  }

  /** As PostgreSQL: each may be asked for once, in any order. */
  #encryption(code: number, rest: Buffer): 'no-encryption' | Refusal {
    const name = code === SSL_REQUEST ? 'SSLRequest' : 'GSSENCRequest'
    // The client cannot know the answer yet, so these bytes come from someone in between
    // (CVE-2021-23222).
    if (rest.length > 0) return malformed(`there are bytes behind ${name} before it is answered`)
    const again = code === SSL_REQUEST ? this.#sslAsked : this.#gssAsked
    if (again) return malformed(`${name} came twice`)
    if (code === SSL_REQUEST) this.#sslAsked = true
    else this.#gssAsked = true
    this.#bytes = Buffer.alloc(0)
    return 'no-encryption'
  }
}

function wrongLength(code: number, length: number): string | undefined {
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    return length === 8 ? undefined : `a request for encryption has ${length} bytes instead of 8`
  }
  if (code !== CANCEL_REQUEST) return undefined
  const key = length - 12
  return key >= SHORTEST_KEY && key <= LONGEST_KEY
    ? undefined
    : `a CancelRequest has a key of ${Math.max(0, key)} bytes`
}

function noStartup(bytes: Buffer, length: number): Refusal {
  if (bytes[0] === 0x16 && bytes[1] === 0x03) {
    return refuse('malformed-request', 'the client speaks TLS, and this listener is plain', {
      wouldAllow: 'sslmode=disable in the module: the sidecar speaks TLS to the server',
    })
  }
  return malformed(`the first packet says that it has ${length} bytes`)
}

function startupIn(packet: Buffer, rest: Buffer): StartupMessage | Refusal {
  const [major, minor] = [packet.readUInt16BE(4), packet.readUInt16BE(6)]
  if (major !== MAJOR) {
    const because = `the client speaks protocol ${major}.${minor}, and only 3 is known here`
    return refuse('version-not-supported', because)
  }
  const parameters = parametersIn(packet.subarray(8))
  if (isRefusal(parameters)) return parameters
  const user = parameters.get('user') ?? ''
  if (user === '') return malformed('the start-up packet names no user')
  const database = parameters.get('database') || user
  parameters.delete('user')
  parameters.delete('database')
  const copy = Buffer.from(packet)
  const lowered = minor > NEWEST_MINOR
  if (lowered) copy.writeUInt16BE(NEWEST_MINOR, 6)
  return { kind: 'startup', user, database, parameters, packet: copy, lowered, rest }
}

/**
 * Names and values alternate, with one NUL after the last (ProcessStartupPacket in postmaster.c).
 */
function parametersIn(body: Buffer): Map<string, string> | Refusal {
  if (body.at(-1) !== 0) return malformed('the start-up packet does not end in NUL')
  const texts = textsIn(body.subarray(0, -1))
  if (texts === undefined || texts.length % 2 !== 0) {
    return malformed('the start-up packet holds no list of names and values')
  }
  const parameters = new Map<string, string>()
  for (let i = 0; i < texts.length; i += 2) {
    const name = texts[i]!
    // PostgreSQL stops reading at an empty name.
    if (name === '') return malformed('the start-up packet has a parameter without a name')
    const key = name.toLowerCase()
    if ((key === 'user' || key === 'database') && key !== name) {
      return malformed(`the start-up packet spells \`${key}\` with capital letters`)
    }
    if (parameters.has(key)) return malformed(`the start-up packet names \`${key}\` twice`)
    parameters.set(key, texts[i + 1]!)
  }
  return parameters
}

/** A start-up message of protocol 3.0. */
export function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  const texts = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
  const body = Buffer.from(`${texts.join('')}\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeUInt16BE(MAJOR, 4)
  return Buffer.concat([head, body])
}

function malformed(because: string): Refusal {
  return refuse('malformed-request', because)
}
