import type { Socket } from 'node:net'

/** Destroys a socket that nobody uses: errors that still come of it are no news. */
export function dispose(socket: Socket): void {
  socket.on('error', () => {})
  socket.destroy()
}
