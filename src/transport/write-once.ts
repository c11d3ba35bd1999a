import type { Socket } from 'node:net'

/** Below this it costs more than it saves. */
const LARGE_BYTES = 8192

/**
 * Writes bytes that are not needed again. Where they are large and fill a buffer of their own, as what Node reads
 * from a socket does, its memory is given back as soon as the socket has them, and not at the next collection:
 * V8 marks its whole heap for every few dozen megabytes of such buffers.
 *
 * @param done called when the socket has them, or failed
 */
export function writeOnce(socket: Socket, bytes: Uint8Array, done?: () => void): void {
  if (!isLargeAndWhole(bytes)) {
    socket.write(bytes, done)
    return
  }
  socket.write(bytes, () => {
    giveBack(bytes)
    done?.()
  })
}

/** Gives back at once the memory of bytes that nothing refers to any more, where they are as `writeOnce` says. */
export function giveBack(bytes: Uint8Array): void {
  if (isLargeAndWhole(bytes)) bytes.buffer.transfer(0)
}

function isLargeAndWhole(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes
  return (
    byteLength >= LARGE_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
  )
}
