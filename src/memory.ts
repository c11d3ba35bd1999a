/** Below this it costs more than it saves. */
const LARGE_BYTES = 8192

/**
 * Gives back at once the memory of bytes that nothing refers to any more, where they are large and fill a buffer
 * of their own, as what Node reads from a socket does; else it does nothing. V8 marks its whole heap for every few
 * dozen megabytes of such buffers that wait for a collection.
 */
export function freeMemory(bytes: Uint8Array): void {
  if (isLargeAndWhole(bytes)) bytes.buffer.transfer(0)
}

/** Are these bytes large, and all that their buffer has? */
export function isLargeAndWhole(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes
  return (
    byteLength >= LARGE_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
  )
}
