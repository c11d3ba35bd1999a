/** The ALPN name under which two sidecars carry many exchanges over one connection. */
export const PROBE_ALPN = 'okapi-sidecar/1'

/** Types of frames, defined again on purpose: the probe does not rely on the code that it tests. */
export const TYPE = {
  open: 1,
  head: 2,
  data: 3,
  end: 4,
  credit: 5,
  reset: 6,
  ping: 7,
  goaway: 8,
} as const

/** END: the sender’s half is over. ACK: the answer to a PING. */
export const FRAME_FLAG = { end: 1, info: 2, ack: 4 } as const

const HEADER_BYTES = 8

/** One frame as read, not checked. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

/** The bytes of a frame, valid or not. `length` may be false. */
export function frame(
  type: number,
  id: number,
  payload: Buffer | string = '',
  { flags = 0, length }: { flags?: number; length?: number } = {},
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = type
  header[1] = flags
  header.writeUInt16BE(length ?? bytes.length, 2)
  header.writeUInt32BE(id, 4)
  return Buffer.concat([header, bytes])
}

/** The whole frames at the beginning of `bytes`. */
export function frames(bytes: Buffer): readonly Frame[] {
  const found: Frame[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const end = at + HEADER_BYTES + bytes.readUInt16BE(at + 2)
    if (end > bytes.length) break
    const payload = bytes.subarray(at + HEADER_BYTES, end)
    found.push({ type: bytes[at]!, flags: bytes[at + 1]!, id: bytes.readUInt32BE(at + 4), payload })
    at = end
  }
  return found
}

/** A PING; a peer that has closed the link does not answer. */
export const PING = frame(TYPE.ping, 0, Buffer.alloc(8, 0x70))

/** How many of our PINGs were answered. */
export function pongs(transcript: readonly Frame[]): number {
  return transcript.filter(
    ({ type, flags }) => type === TYPE.ping && (flags & FRAME_FLAG.ack) !== 0,
  ).length
}

/** Has the other side finished this exchange? */
export function isOver(transcript: readonly Frame[], id: number): boolean {
  return transcript.some(
    (one) =>
      one.id === id &&
      (one.type === TYPE.reset || one.type === TYPE.end || (one.flags & FRAME_FLAG.end) !== 0),
  )
}
