import { hash } from 'node:crypto'

/** What an entry of the audit trail is about. */
export const ENTRY_KINDS = [
  /** An exchange of an interface whose sensitivity is high. */
  'exchange',
  /** An exchange that a grant of the operator opens. */
  'grant',
  /** Okapi's administration, tenants of a module, and what a sidecar is told from outside. */
  'administration',
  /** Another policy is in force, or was refused. */
  'policy',
  /** Other credentials are in use, or were refused. */
  'credentials',
  /** The first entry of a process. */
  'start',
  /** The last entry of a process that ended in order. */
  'stop',
  /** The previous file was moved away; the trail continues in this one. */
  'rotation',
  /** Entries that could not be written are missing here. */
  'gap',
] as const

export type EntryKind = (typeof ENTRY_KINDS)[number]

/** What stands in a field of an entry. */
export type EntryValue =
  | string
  | number
  | boolean
  | null
  | readonly EntryValue[]
  | { readonly [name: string]: EntryValue }

/** Fields that every line has: the chain and the writer give them. */
type GivenName = 'seq' | 'time' | 'chain' | 'prev' | 'hash' | 'module' | 'host'

/**
 * The content of an entry, apart from its place in the chain; never a token, a body, a path or a
 * query.
 */
export interface AuditEntry extends Readonly<Partial<Record<GivenName, never>>> {
  readonly kind: EntryKind
  readonly [name: string]: EntryValue | undefined
}

/** The place of an entry in its chain. */
export interface ChainPosition {
  /** 32 hexadecimal digits, drawn at random where the chain begins. */
  readonly chain: string
  /** 1 for the first entry. */
  readonly seq: number
  /** SHA-256, 64 hexadecimal digits: of the entry at `seq`. */
  readonly hash: string
}

/** The `prev` of the first entry of a chain. */
export const NO_HASH = '0'.repeat(64)

/** No entry is longer, its line feed included. */
export const LONGEST_ENTRY_BYTES = 65_536
/** What the place of an entry takes at most. */
const PLACE_BYTES = 512
/** Of one text. */
const LONGEST_TEXT = 512
const NOT_ASCII = /[\x7f-\uffff]/g

/** The fields of an entry as they stand in its line, without the braces: one line of ASCII. */
export function entryText(entry: AuditEntry): string {
  const text = JSON.stringify(entry, cutTexts).slice(1, -1)
  const ascii = text.replace(
    NOT_ASCII,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  // A longer entry could not be read back, so only its kind is written.
  return ascii.length < LONGEST_ENTRY_BYTES - PLACE_BYTES
    ? ascii
    : `"kind":"${entry.kind}","cut":true`
}

function cutTexts(_: string, value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= LONGEST_TEXT) return value
  return `${value.slice(0, LONGEST_TEXT - 1)}~`
}

/**
 * The line of an entry, and its place. What is hashed is the line up to `,"hash":`, byte for byte as it
 * stands there; `prev` is in it, which makes the chain.
 * @param text of `entryText`
 */
export function chained(
  before: ChainPosition,
  timeMs: number,
  text: string,
): { readonly line: string; readonly position: ChainPosition } {
  const { chain } = before
  const seq = before.seq + 1
  const time = new Date(timeMs).toISOString()
  const hashed = `{"seq":${seq},"time":"${time}","chain":"${chain}","prev":"${before.hash}",${text}`
  const sum = hash('sha256', hashed)
  return { line: `${hashed},"hash":"${sum}"}\n`, position: { chain, seq, hash: sum } }
}

/** An entry as it was read: its line has the form of one. */
export interface ReadEntry extends ChainPosition {
  readonly time: string
  readonly prev: string
  /** The hash that its bytes have; `hash` is what the line says. */
  readonly computed: string
  readonly kind: EntryKind
  readonly fields: Readonly<Record<string, unknown>>
}

const FORM =
  /^(\{"seq":([1-9]\d{0,14}),"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","chain":"([0-9a-f]{32})","prev":"([0-9a-f]{64})",[ -~]*),"hash":"([0-9a-f]{64})"\}$/

/** Reads a line without its line feed; undefined where it is no entry. */
export function readEntry(line: string): ReadEntry | undefined {
  if (line.length >= LONGEST_ENTRY_BYTES) return undefined
  const match = FORM.exec(line)
  if (match === null) return undefined
  const [, hashed = '', seq, time = '', chain = '', prev = '', said = ''] = match
  const fields = parsedObject(line)
  const kind = fields?.['kind']
  if (fields === undefined || !isEntryKind(kind)) return undefined
  const computed = hash('sha256', hashed)
  return { seq: Number(seq), time, chain, prev, hash: said, computed, kind, fields }
}

/** May these bytes be the beginning of the line of the entry with this number? */
export function beginsEntry(bytes: string, seq: number): boolean {
  const begin = `{"seq":${seq},"time":"`
  const plain = /^[ -~]*$/.test(bytes) && bytes.length < LONGEST_ENTRY_BYTES
  return plain && (bytes.startsWith(begin) || (bytes !== '' && begin.startsWith(bytes)))
}

function isEntryKind(kind: unknown): kind is EntryKind {
  return (ENTRY_KINDS as readonly unknown[]).includes(kind)
}

function parsedObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
