import { ascii, FOLD, UNDERSCORE } from './bytes.ts'

/**
 * A field name with a special meaning. Which names must not repeat is passed in as data by the
 * rooms that know FOLIO.
 */
export interface NameRule {
  /** Lower case; a trailing `*` makes it a prefix. */
  readonly name: string
  /** 32 to 254; smaller ids are reserved for this room. Several names may share one. */
  readonly id: number
  /** Two lines of this name (under a prefix: of the same name) are ambiguous. */
  readonly once?: boolean
  /** A `Connection` line must not name it (Apache CVE-2022-31813 and its kin). */
  readonly guarded?: boolean
  /** The same name written with `_` is refused; otherwise it is treated as the name itself. */
  readonly strict?: boolean
}

/** Ids of names that framing and hop-by-hop handling need. 0 is every name without a rule. */
export const ID = {
  other: 0,
  contentLength: 1,
  transferEncoding: 2,
  host: 3,
  connection: 4,
  /** Ends at each hop: Proxy-*, TE, Upgrade and what belongs to it (RFC 9110 section 7.6.1). */
  hop: 5,
  expect: 6,
  trailer: 7,
  keepAlive: 8,
  /** Content-Type and its kin: they describe a body and may not be named by Connection. */
  content: 9,
} as const

/** What `find` returns for a name that looks like a strict one but is not identical. */
export const ALIAS = -1

const OWN: readonly NameRule[] = [
  { name: 'content-length', id: ID.contentLength, once: true, guarded: true, strict: true },
  { name: 'transfer-encoding', id: ID.transferEncoding, once: true, guarded: true, strict: true },
  { name: 'host', id: ID.host, once: true, guarded: true },
  { name: 'connection', id: ID.connection },
  { name: 'keep-alive', id: ID.keepAlive },
  { name: 'proxy-*', id: ID.hop },
  { name: 'te', id: ID.hop },
  { name: 'upgrade', id: ID.hop },
  { name: 'http2-settings', id: ID.hop },
  // No upgrade is made, and Netty takes the eight bytes behind a GET with Sec-WebSocket-Key1 and -Key2 for
  // its body (HttpUtil.getWebSocketContentLength, 4.1.128): they would be those of the next request.
  { name: 'sec-websocket-*', id: ID.hop },
  { name: 'expect', id: ID.expect },
  { name: 'trailer', id: ID.trailer },
  { name: 'content-*', id: ID.content, guarded: true },
]

const ONCE = 1
const GUARDED = 2
const STRICT = 4
const PREFIX = 8

interface Entry {
  readonly bytes: Uint8Array
  readonly id: number
  readonly flags: number
}

/** Field names to small integers, by length and first letter; no string is made on the way. */
export class NameTable {
  readonly #byLength: Entry[][] = Array.from({ length: 48 }, () => [])
  readonly #prefixes: Entry[] = []
  #found: Entry | null = null

  constructor(rules: readonly NameRule[]) {
    for (const rule of [...rules, ...OWN]) {
      const isPrefix = rule.name.endsWith('*')
      const bytes = ascii(isPrefix ? rule.name.slice(0, -1) : rule.name)
      const flags =
        (rule.once ? ONCE : 0) |
        (rule.guarded ? GUARDED : 0) |
        (rule.strict ? STRICT : 0) |
        (isPrefix ? PREFIX : 0)
      const list = isPrefix ? this.#prefixes : this.#byLength[bytes.length]
      if (list === undefined) throw new TypeError(`field name too long: ${rule.name}`)
      list.push({ bytes, id: rule.id, flags })
    }
  }

  /** The id of the name in [start, end), 0 without a rule, ALIAS for a look-alike of a strict one. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const entry = this.#exact(bytes, start, end) ?? this.#prefix(bytes, start, end)
    this.#found = entry
    if (entry === null) return ID.other
    if (entry.flags & STRICT && hasUnderscore(bytes, start, end)) return ALIAS
    return entry.id
  }

  /** Of the name that `find` met last: may it stand only once? */
  get once(): boolean {
    return this.#found !== null && (this.#found.flags & ONCE) !== 0
  }

  /** Of the name that `find` met last: does one id stand for many names? */
  get isPrefix(): boolean {
    return this.#found !== null && (this.#found.flags & PREFIX) !== 0
  }

  /** Of the name that `find` met last: may a Connection line not name it? */
  get guarded(): boolean {
    return this.#found !== null && (this.#found.flags & GUARDED) !== 0
  }

  #exact(bytes: Uint8Array, start: number, end: number): Entry | null {
    const list = this.#byLength[end - start]
    if (list === undefined) return null
    for (const entry of list) if (matches(entry.bytes, bytes, start)) return entry
    return null
  }

  #prefix(bytes: Uint8Array, start: number, end: number): Entry | null {
    for (const entry of this.#prefixes) {
      if (end - start >= entry.bytes.length && matches(entry.bytes, bytes, start)) return entry
    }
    return null
  }
}

function matches(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < name.length; i++) {
    if (FOLD[bytes[start + i]!] !== name[i]) return false
  }
  return true
}

function hasUnderscore(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === UNDERSCORE) return true
  return false
}
