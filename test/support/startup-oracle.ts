// A second reading of what a client sends before a session, as PostgreSQL's documentation has it, by other means
// than the sidecar's: what is allowed by these rules, and what must reach no server.

const CODES = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const

/** The rules that the oracle knows. */
export const ORACLE = {
  role: /^(?:folio_users|[a-z][a-z0-9]{0,30}_mod_users)$/,
  database: 'folio',
  parameters: new Set(['application_name', 'datestyle', 'extra_float_digits', 'timezone']),
} as const

/** The expected result of the pieces, each read by itself. `partial`: the client would have to send more. */
export type Expected =
  | { readonly kind: 'partial' | 'refused' }
  | { readonly kind: 'cancel'; readonly packet: Buffer }
  | { readonly kind: 'session'; readonly packet: Buffer; readonly rest: Buffer }

/** What PostgreSQL would read, compared with the rules. */
export function expectedOf(pieces: readonly Buffer[]): Expected {
  let bytes: Buffer = Buffer.alloc(0)
  const asked: number[] = []
  for (const [i, piece] of pieces.entries()) {
    bytes = Buffer.concat([bytes, piece])
    if (bytes.length < 4) continue
    const length = bytes.readUInt32BE(0)
    if (length < 8 || length > 10_000) return { kind: 'refused' }
    if (bytes.length < 8) continue
    const code = bytes.readUInt32BE(4)
    if (code === CODES.ssl || code === CODES.gssenc) {
      if (length !== 8 || bytes.length > 8 || asked.includes(code)) return { kind: 'refused' }
      asked.push(code)
      bytes = Buffer.alloc(0)
      continue
    }
    if (code === CODES.cancel && (length < 16 || length > 268)) return { kind: 'refused' }
    if (bytes.length < length) continue
    const packet = bytes.subarray(0, length)
    const rest = Buffer.concat([bytes.subarray(length), ...pieces.slice(i + 1)])
    if (code !== CODES.cancel) return session(packet, rest)
    return bytes.length > length ? { kind: 'refused' } : { kind: 'cancel', packet }
  }
  return { kind: 'partial' }
}

function session(packet: Buffer, rest: Buffer): Expected {
  const text = packet.toString('latin1', 8)
  const utf8 = packet.toString('utf8', 8)
  const minor = packet.readUInt16BE(6)
  const wellFormed =
    packet.readUInt16BE(4) === 3 &&
    /^(?:[^\0]+\0[^\0]*\0)+\0$/.test(text) &&
    Buffer.from(utf8).equals(packet.subarray(8))
  if (!wellFormed) return { kind: 'refused' }
  const texts = utf8.slice(0, -1).split('\0').slice(0, -1)
  const pairs = texts.flatMap((name, i) => (i % 2 === 0 ? [[name, texts[i + 1]!] as const] : []))
  const names = pairs.map(([name]) => name.toLowerCase())
  const value = (wanted: string) => pairs.find(([name]) => name === wanted)?.[1] ?? ''
  const others = names.filter((name) => name !== 'user' && name !== 'database')
  const allowed =
    new Set(names).size === names.length &&
    pairs.every(([name], i) => others.includes(names[i]!) || name === names[i]) &&
    others.every((name) => ORACLE.parameters.has(name)) &&
    ORACLE.role.test(value('user')) &&
    (value('database') || value('user')) === ORACLE.database
  if (!allowed) return { kind: 'refused' }
  const forwarded = Buffer.from(packet)
  if (minor > 2) forwarded.writeUInt16BE(2, 6)
  return { kind: 'session', packet: forwarded, rest }
}
