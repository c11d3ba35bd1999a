/** Why a link between two sidecars ended; metrics count them. The table of docs/link.md. */
export const LINK_ENDINGS = [
  /** It was closed normally: idle, old, replaced or shutting down. */
  'left',
  /** The connection was closed or reset, or the process cut it. */
  'lost',
  /** A TLS record cannot be read: bytes were changed on the way, or the peer no longer speaks TLS. */
  'broken',
  /** The peer refused the connection with an answer in HTTP/1.1. */
  'turned-away',
  /** Unknown type or flag, wrong length, a forbidden id or a missing one. */
  'bad-frame',
  /** A frame that is not allowed at this point: ids that do not rise, DATA after END, a second HEAD. */
  'bad-order',
  /** More DATA than there was credit for, or credit beyond the window. */
  'bad-credit',
  /** Exchanges opened and cancelled, or with bytes that are not HTTP, faster than any real client. */
  'too-many-cancels',
  /** Useless frames: pings, tiny credits, frames for finished exchanges. */
  'too-much-noise',
  /** A frame was not completed in time. */
  'slow-frame',
  /** The peer does not read what we send. */
  'not-reading',
  /** Nothing came, not even the answer to a ping. */
  'silent',
] as const

export type LinkEnding = (typeof LINK_ENDINGS)[number]
