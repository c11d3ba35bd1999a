/**
 * The frames of `okapi-sidecar/1`, as docs/link.md describes them. Everything here is fixed by the
 * ALPN name: a change needs another name.
 *
 *     0        1         2             4                  8
 *     | type   | flags   | length      | exchange id      | payload
 */
export const ALPN_LINK = 'okapi-sidecar/1'

export const FRAME = {
  open: 1,
  head: 2,
  data: 3,
  end: 4,
  credit: 5,
  reset: 6,
  ping: 7,
  goaway: 8,
} as const

export const FLAG = {
  /** The sender's half of the exchange is over. */
  end: 1,
  /** The head of an interim (1xx) response. */
  info: 2,
  /** The answer to a PING. */
  ack: 4,
  /** The head continues in the next frame, which follows at once. */
  more: 8,
} as const

/** Why an exchange is reset: the payload of RESET. */
export const RESET = {
  /** Its answer is not wanted any more. */
  cancelled: 1,
  /** It cannot be completed: the upstream was lost. */
  failed: 2,
  /** What came was no strict HTTP. */
  malformed: 3,
  /** It was not processed: too many are open. */
  refused: 4,
  /**
   * Nothing of it has reached a module, and nothing will here: it may be sent to another sidecar.
   */
  undelivered: 5,
} as const

export const FRAME_HEADER_BYTES = 8
/** With its header a frame fits one TLS record. */
export const MOST_PAYLOAD_BYTES = 16_384 - FRAME_HEADER_BYTES
/** What each half of an exchange may send before it gets credit; its credit never exceeds this. */
export const WINDOW_BYTES = 65_536
/** A larger body cannot be sent at once, so it belongs on the link for large ones. */
export const LARGE_BYTES = WINDOW_BYTES
/** Exchanges that may be open on one link; times the window this bounds what one link may hold. */
export const MOST_EXCHANGES = 512
/** The last id; after it the link is replaced. */
export const LAST_ID = 0x7fff_ffff

interface Rule {
  readonly flags: number
  readonly least: number
  readonly most: number
  /** Does it belong to an exchange, or to the link itself (id 0)? */
  readonly ofExchange: boolean
}

const { end, info, ack, more } = FLAG

/** The allowed form of frames, by type. */
export const RULES: readonly (Rule | undefined)[] = [
  undefined,
  { flags: end | more, least: 1, most: MOST_PAYLOAD_BYTES, ofExchange: true },
  { flags: end | info | more, least: 1, most: MOST_PAYLOAD_BYTES, ofExchange: true },
  { flags: end, least: 1, most: MOST_PAYLOAD_BYTES, ofExchange: true },
  { flags: 0, least: 0, most: 0, ofExchange: true },
  { flags: 0, least: 4, most: 4, ofExchange: true },
  { flags: 0, least: 1, most: 1, ofExchange: true },
  { flags: ack, least: 8, most: 8, ofExchange: false },
  { flags: 0, least: 0, most: 0, ofExchange: false },
]

/** May a frame have this header? */
export function isFrame(type: number, flags: number, length: number, id: number): boolean {
  const rule = RULES[type]
  if (rule === undefined || (flags & ~rule.flags) !== 0) return false
  if (length < rule.least || length > rule.most) return false
  // A head with MORE cannot have END, and only a final head can end an answer.
  if ((flags & end) !== 0 && (flags & (more | info)) !== 0) return false
  return rule.ofExchange ? id > 0 && id <= LAST_ID : id === 0
}
