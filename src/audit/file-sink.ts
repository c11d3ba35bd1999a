import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { errorCode, fault } from '../fault.ts'
import type { AuditSink } from './sink.ts'
import { endOfTrail, TAIL_BYTES, type TrailEnd } from './tail.ts'

/** Readable for the group, for log shippers; not for others. */
const MODE = 0o640
const APPEND = 'a+'
/** How long a process that stops may still write. */
const LOCK_WAIT_MS = 35_000
const LOCK_PACE_MS = 100

/** A file that is appended to, and created again when it has been moved away. */
export class FileSink implements AuditSink {
  readonly #path: string
  readonly #lock: Server | undefined
  #handle: FileHandle

  private constructor(path: string, handle: FileHandle, lock: Server | undefined) {
    this.#path = path
    this.#handle = handle
    this.#lock = lock
  }

  /**
   * Opens it, and reads where it ends. Waits for another process that writes it and is about to
   * stop. Throws a Fault if it cannot be opened, is written by another process, or ends with
   * something that no sidecar has written.
   */
  static async open(
    path: string,
    waits: () => void = () => {},
  ): Promise<{ sink: FileSink; end: TrailEnd }> {
    const lock = await lockOf(path, waits)
    let handle: FileHandle | undefined
    try {
      handle = await opened(path)
      return { sink: new FileSink(path, handle, lock), end: await endOf(handle, path) }
    } catch (error) {
      await handle?.close()
      lock?.close()
      throw error
    }
  }

  async write(bytes: Buffer): Promise<number> {
    const { bytesWritten } = await this.#handle.write(bytes)
    return bytesWritten
  }

  async follow(): Promise<boolean> {
    const [own, there] = await Promise.all([
      this.#handle.stat(),
      stat(this.#path).catch(() => undefined),
    ])
    if (there !== undefined && there.ino === own.ino && there.dev === own.dev) return false
    const next = await opened(this.#path)
    // A file that others have put there is neither continued nor overwritten.
    if ((await next.stat()).size > 0) {
      await next.close()
      throw new Error('another file, which is not empty, is in its place')
    }
    const last = this.#handle
    this.#handle = next
    await last.close()
    return true
  }

  async close(): Promise<void> {
    await this.#handle.close()
    this.#lock?.close()
  }
}

async function opened(path: string): Promise<FileHandle> {
  const there = await stat(path).catch(() => undefined)
  // Opening a FIFO waits for its reader.
  if (there !== undefined && !there.isFile()) throw refused(path, 'it is not a file')
  try {
    return await open(path, APPEND, MODE)
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw refused(path, `it cannot be opened (${code})`)
  }
}

async function endOf(handle: FileHandle, path: string): Promise<TrailEnd> {
  const { size } = await handle.stat()
  const length = Math.min(size, TAIL_BYTES)
  const bytes = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await handle.read(bytes, read, length - read, size - length + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  const end = endOfTrail(bytes.subarray(0, read), size === length)
  if (end !== undefined) return end
  const hint = `okapi-sidecar audit verify ${path} tells where; move the file away to begin a new chain`
  throw fault('its end is not an audit trail, or was changed', { where: { file: path }, hint })
}

const WRITABLE = 'audit.to names a file in a folder that the sidecar may write'
const OF_ITS_OWN = 'give each sidecar a file of its own, or end the other process'

function refused(path: string, what: string, hint = WRITABLE) {
  return fault(`the audit trail: ${what}`, { where: { file: path }, hint })
}

/**
 * Two processes that write one chain would break it. The kernel releases such a name when its
 * process ends (unix(7), abstract sockets); outside Linux there are none, and nothing is locked.
 */
async function lockOf(path: string, waits: () => void): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined
  const sum = createHash('sha256').update(placeOf(path)).digest('hex')
  const end = performance.now() + LOCK_WAIT_MS
  for (let tries = 0; ; tries++) {
    const lock = await held(`\0okapi-sidecar-audit-${sum}`)
    if (lock !== undefined) return lock
    if (performance.now() > end) throw refused(path, 'another process writes it', OF_ITS_OWN)
    if (tries === 0) waits()
    await new Promise((resolve) => setTimeout(resolve, LOCK_PACE_MS))
  }
}

/** One name for one file, even if it does not exist yet. */
function placeOf(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path))
  } catch {
    return path
  }
}

function held(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', (error) => {
      if (errorCode(error) === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen({ path: name }, () => resolve(server))
  })
}
