import type { Socket } from 'node:net'
import { freeMemory, isLargeAndWhole } from '../memory.ts'

/**
 * Writes bytes that are not needed again. Their memory is released as soon as the socket has them,
 * not at the next garbage collection.
 *
 * @param done called when the socket has them, or failed
 */
export function writeOnce(socket: Socket, bytes: Uint8Array, done?: () => void): void {
  if (!isLargeAndWhole(bytes)) {
    socket.write(bytes, done)
    return
  }
  socket.write(bytes, () => {
    freeMemory(bytes)
    done?.()
  })
}
