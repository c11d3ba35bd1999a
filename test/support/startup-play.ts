import fc from 'fast-check'
import { message } from '../../src/postgres/protocol.ts'
import type { DatabaseRules } from '../../src/postgres/rules.ts'
import { fractions } from './messages.ts'
import { cancelPacket, GSSENC_REQUEST, SSL_REQUEST, startupPacket } from './postgres-packets.ts'
import { type Played, RecordedDatabase } from './postgres-recorder.ts'
import { expectedOf } from './startup-oracle.ts'

/** The same rules as the oracle's. */
export const PLAYED_RULES: DatabaseRules = {
  databases: ['folio'],
  roles: ['folio_users', '{tenant}_mod_users'],
  parameters: [],
  authentication: ['cert'],
  mode: 'enforce',
  superuser: 'refuse',
}

/** One client: what it sends, and where it is cut. */
export interface Client {
  readonly bytes: Buffer
  /** Each from 0 to 1, of the length. */
  readonly cuts: readonly number[]
}

const often = <T>(value: T, ...rare: T[]) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(value) }, fc.constantFrom(value, ...rare))
const names = fc.constantFrom(
  ...['application_name', 'TimeZone', 'DateStyle', 'extra_float_digits', 'options', 'replication'],
  ...['role', 'session_authorization', 'search_path', 'User', 'DATABASE', 'user', '_pq_.x', ''],
  ...['is_superuser', 'application_name\n', 'data\u0131base'],
)
const values = fc.oneof(
  fc.constantFrom('', 'on', 'database', '-crole=boss', 'UTC', 'folio_users', 'boss'),
  fc.string({ maxLength: 12 }).map((text) => text.replaceAll('\0', '')),
)
const startups = fc
  .record({
    user: often(
      'diku_mod_users',
      'folio_users',
      'boss',
      'postgres',
      '',
      'diku_mod_users_x',
      'a_b_mod_users',
      'diku_MOD_users',
      'diku_mod_users ',
    ),
    database: often('folio', '', 'other', 'FOLIO', 'folio ', 'template1'),
    more: fc.array(fc.tuple(names, values), { maxLength: 3 }),
    version: often([3, 0], [3, 2], [3, 9999], [2, 0], [4, 0], [0, 0]),
  })
  .map(({ user, database, more, version: [major = 3, minor = 0] }) => {
    const packet = startupPacket({ user, database }, major, minor)
    // Here, because an object would not hold two of one name.
    const text = more.map(([name, value]) => `${name}\0${value}\0`).join('')
    const body = Buffer.concat([packet.subarray(8, -1), Buffer.from(`${text}\0`)])
    const head = Buffer.from(packet.subarray(0, 8))
    head.writeInt32BE(8 + body.length, 0)
    return Buffer.concat([head, body])
  })
const keys = fc.oneof(fc.uint8Array({ minLength: 0, maxLength: 300 }), fc.constant(KNOWN()))
const cancels = fc
  .tuple(often(1, 2, -1, 0), keys)
  .map(([pid, key]) => cancelPacket(pid, Buffer.from(key)))
const encryption = fc.constantFrom(SSL_REQUEST, GSSENC_REQUEST)
const behind = fc.constantFrom(
  Buffer.alloc(0),
  message(0x51, Buffer.from('SELECT 1\0')),
  message(0x70, Buffer.from('password\0')),
  SSL_REQUEST,
  startupPacket({ user: 'boss', database: 'folio' }),
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
)

/** The key of the session that stands open during all of it. */
function KNOWN(): Uint8Array {
  return Buffer.from([0, 0, 0, 1])
}

interface Flaw {
  readonly how: 'flip' | 'drop' | 'add' | 'length'
  readonly at: number
  readonly byte: number
}
const flaws: fc.Arbitrary<readonly Flaw[]> = fc.oneof(
  { weight: 5, arbitrary: fc.constant([]) },
  {
    weight: 2,
    arbitrary: fc.array(
      fc.record({
        how: fc.constantFrom('flip', 'drop', 'add', 'length'),
        at: fractions,
        byte: fc.nat(255),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
)

/** Correct clients, and incorrect ones. */
export const clients: fc.Arbitrary<Client> = fc
  .record({
    first: fc.oneof(
      { weight: 4, arbitrary: fc.uniqueArray(encryption, { maxLength: 2 }) },
      { weight: 1, arbitrary: fc.array(encryption, { maxLength: 3 }) },
    ),
    packet: fc.oneof({ weight: 5, arbitrary: startups }, { weight: 1, arbitrary: cancels }),
    behind,
    flaws,
    together: often(false, true, true),
    cuts: fc.array(fractions, { maxLength: 4 }),
  })
  .map(({ first, packet, behind: rest, flaws: all, together, cuts }) => {
    const bytes = all.reduce(flawed, Buffer.concat([...first, packet, rest]))
    const starts = first.map((_, i) => (8 * (i + 1)) / bytes.length)
    return { bytes, cuts: together ? cuts : [...starts, ...cuts] }
  })

function flawed(bytes: Buffer, { how, at, byte }: Flaw): Buffer {
  const place = Math.floor(at * bytes.length)
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  switch (how) {
    case 'flip':
      return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)])
    case 'drop':
      return Buffer.concat([before, after.subarray(1)])
    case 'add':
      return Buffer.concat([before, Buffer.from([byte]), after])
    case 'length': {
      const copy = Buffer.from(bytes)
      copy.writeInt32BE((copy.readInt32BE(0) + byte - 128) | 0, 0)
      return copy
    }
  }
}

/** A listener before a recorder, with one session that stands open the whole time. */
export async function openPlayground(): Promise<RecordedDatabase> {
  const database = await RecordedDatabase.start(PLAYED_RULES)
  await database.stand({ user: 'folio_users', database: 'folio' })
  return database
}

/** Plays one client. Returns the violated rule, or null. */
export async function playClient(
  database: RecordedDatabase,
  client: Client,
): Promise<string | null> {
  const { bytes, cuts } = client
  const places = [
    ...new Set([0, ...cuts.map((cut) => Math.round(cut * bytes.length)), bytes.length]),
  ]
  places.sort((a, b) => a - b)
  const pieces = places.slice(1).map((to, i) => bytes.subarray(places[i], to))
  const expected = expectedOf(pieces)
  const last = message(0x58, Buffer.alloc(0))
  const played = await database.play(pieces, { last, leaves: expected.kind === 'partial' })
  const reached = played.recorded.map(({ bytes: each }) => each)
  const all = Buffer.concat(reached)
  const told = played.refusals.map(({ reason }) => reason).join(', ')
  switch (expected.kind) {
    case 'partial':
    case 'refused':
      if (reached.length > 0) return `${expected.kind}, and the server was reached: ${hex(all)}`
      return expected.kind === 'refused' && told === '' ? 'nothing says that it was refused' : null
    case 'cancel': {
      const known = expected.packet.equals(cancelPacket(1, Buffer.from(KNOWN())))
      if (known)
        return reached.length === 1 && all.equals(expected.packet) ? null : 'the cancel was lost'
      return reached.length === 0 ? null : `a foreign cancel reached the server: ${hex(all)}`
    }
    case 'session': {
      if (reached.length !== 1) return `${reached.length} connections for one session (${told})`
      return sessionFlaw(expected, all, played)
    }
  }
}

/** The start-up message as it came, then the complete messages behind it. */
function sessionFlaw(
  { packet, rest }: { packet: Buffer; rest: Buffer },
  all: Buffer,
  { answer }: Played,
): string | null {
  if (!all.subarray(0, packet.length).equals(packet)) return `another start-up: ${hex(all)}`
  const more = all.subarray(packet.length)
  const said = Buffer.concat([rest, message(0x58, Buffer.alloc(0))])
  if (!said.subarray(0, more.length).equals(more)) return `other bytes behind it: ${hex(more)}`
  return answer.length === 0 ? 'an allowed client was answered nothing' : null
}

function hex(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`)
}
