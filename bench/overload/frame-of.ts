import { FRAME_HEADER_BYTES } from '../../src/wire/link/frames.ts'

/** A whole frame; of an exchange its id is to be written at byte 4. */
export function frameOf(type: number, flags: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + payload.length)
  frame[0] = type
  frame[1] = flags
  frame.writeUInt16BE(payload.length, 2)
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}
