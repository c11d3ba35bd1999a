import type { Socket } from 'node:net'

/** Below this it costs more than it saves. */
const LARGE_BYTES = 8192

/**
 * Writes bytes that are not needed again. Where they are large and fill a buffer of their own, as what Node reads
 * from a socket does, its memory is given back as soon as the socket has them, and not at the next collection:
 * V8 marks its whole heap for every few dozen megabytes of such buffers.
 */
export function writeOnce(socket: Socket, bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes
  const ownsAll = byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
  if (byteLength >= LARGE_BYTES && ownsAll) socket.write(bytes, () => buffer.transfer(0))
  else socket.write(bytes)
}
