import { Socket } from 'node:net'

/**
 * A socket without a network: the test says what arrives, what is sent is kept as Latin-1, so that
 * a character is a byte. Everything else (events, flow, half-close) is Node's own.
 */
export class MemorySocket extends Socket {
  /** Every byte that was written and taken. */
  sent = ''
  /** The other side takes nothing until `letGo`. */
  stalled = false
  wasReset = false
  /** Called when reading goes on. */
  resumed: () => void = () => {}
  #pending: (() => void)[] = []

  constructor() {
    super({ allowHalfOpen: true })
  }

  /** Bytes come in, in an event of their own. */
  async arrive(bytes: string | Buffer): Promise<void> {
    this.push(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    await settled()
  }

  /** The other side has sent its last byte. */
  async arriveEnd(): Promise<void> {
    // As net.Socket does it: even a paused reader gets the end.
    this.push(null)
    this.read(0)
    await settled()
  }

  /** The other side takes what was written. */
  async letGo(): Promise<void> {
    this.stalled = false
    const pending = this.#pending
    this.#pending = []
    for (const taken of pending) taken()
    await settled()
  }

  override resume(): this {
    // The constructor of the base class may come here before any field is there.
    this.resumed?.()
    return super.resume()
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#taken(() => {
      this.sent += chunk.toString('latin1')
      done()
    })
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#taken(() => {
      for (const { chunk } of chunks) this.sent += chunk.toString('latin1')
      done()
    })
  }

  override _final(done: () => void): void {
    this.#taken(done)
  }

  override resetAndDestroy(): this {
    this.wasReset = true
    return this.destroy()
  }

  #taken(act: () => void): void {
    if (this.stalled) this.#pending.push(act)
    else act()
  }
}

/** Bytes in a buffer of their own, as Node reads them from a socket. */
export function asRead(text: string): Buffer {
  return Buffer.from(new Uint8Array(Buffer.from(text, 'latin1')).buffer)
}

/** Waits until every pending event was emitted. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
