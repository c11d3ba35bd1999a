/** Why a link between two sidecars came to its end; metrics count them. The table of docs/link.md. */
export const LINK_ENDINGS = [
  /** It was left in good order: idle, old, replaced or shutting down. */
  'left',
  /** The connection was closed or reset, or the process cut it. */
  'lost',
  /** A TLS record cannot be read: bytes were changed on the way, or the peer speaks no TLS any more. */
  'broken',
  /** The peer's gate refused us and said so in HTTP/1.1. */
  'turned-away',
  /** Unknown type or flag, wrong length, an id where none may be or none where one must be. */
  'bad-frame',
  /** A frame that may not come now: ids that do not rise, DATA behind END, a second HEAD. */
  'bad-order',
  /** More DATA than there was credit for, or credit beyond the window. */
  'bad-credit',
  /** Exchanges opened and cancelled, or with bytes that are no HTTP, faster than anybody works. */
  'too-many-cancels',
  /** Frames that do no work: pings, crumbs of credit, frames for what is over. */
  'too-much-noise',
  /** A frame did not come to its end in time. */
  'slow-frame',
  /** The peer does not take what we send. */
  'not-reading',
  /** Nothing came, not even the answer to a ping. */
  'silent',
] as const

export type LinkEnding = (typeof LINK_ENDINGS)[number]
