import { FLAG, FRAME, FRAME_HEADER_BYTES } from '../../src/wire/link/frames.ts'

/** A frame as a person reads it. */
export interface Frame {
  readonly type: keyof typeof FRAME
  readonly flags: number
  readonly id: number
  /** Latin-1: a character is a byte. */
  readonly payload: string
}

const NAMES = Object.keys(FRAME) as (keyof typeof FRAME)[]

/** Any frame, right or wrong. `type` as a number may be one that does not exist. */
export function raw(type: number, flags: number, id: number, payload = ''): string {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header[0] = type
  header[1] = flags
  header.writeUInt16BE(payload.length, 2)
  header.writeUInt32BE(id, 4)
  return header.toString('latin1') + payload
}

export const open = (id: number, head: string, flags = 0) => raw(FRAME.open, flags, id, head)
export const head = (id: number, text: string, flags = 0) => raw(FRAME.head, flags, id, text)
export const data = (id: number, text: string, flags = 0) => raw(FRAME.data, flags, id, text)
export const end = (id: number) => raw(FRAME.end, 0, id)
export const credit = (id: number, bytes: number) => raw(FRAME.credit, 0, id, number(bytes))
export const reset = (id: number, why: number) => raw(FRAME.reset, 0, id, String.fromCharCode(why))
export const ping = (flags = 0) => raw(FRAME.ping, flags, 0, 'pingpong')
export const goaway = () => raw(FRAME.goaway, 0, 0)

/** A request head, and that nothing follows it. */
export const get = (id: number, target: string) =>
  open(id, `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`, FLAG.end)

/** The frames in `bytes`, all of which must be whole. */
export function framesOf(bytes: string): Frame[] {
  const frames: Frame[] = []
  const buffer = Buffer.from(bytes, 'latin1')
  for (let i = 0; i < buffer.length; ) {
    if (buffer.length - i < FRAME_HEADER_BYTES) throw new Error('half a frame')
    const stop = i + FRAME_HEADER_BYTES + buffer.readUInt16BE(i + 2)
    const type = NAMES[buffer[i]! - 1]
    if (type === undefined || stop > buffer.length) throw new Error(`no frame at ${i}`)
    const payload = buffer.toString('latin1', i + FRAME_HEADER_BYTES, stop)
    frames.push({ type, flags: buffer[i + 1]!, id: buffer.readUInt32BE(i + 4), payload })
    i = stop
  }
  return frames
}

/** The value of a CREDIT. */
export const creditOf = ({ payload }: Frame) => Buffer.from(payload, 'latin1').readUInt32BE()

/** What an exchange got: its last head, and its body as it stands on the wire. */
export function answerOf(frames: readonly Frame[], of: number): string {
  const own = frames.filter(({ id, type }) => id === of && (type === 'head' || type === 'data'))
  return own.map(({ payload }) => payload).join('')
}

function number(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('latin1')
}
