/** Where the lines of the trail go. There is only one call at a time. */
export interface AuditSink {
  /**
   * Appends bytes; resolves to how many the kernel accepted, which may be fewer. Rejects if none.
   */
  write(bytes: Buffer): Promise<number>
  /** Called between two lines: resolves to true where another file has been begun, because the one before was moved. */
  follow(): Promise<boolean>
  /** Nothing more is written. */
  close(): Promise<void>
}

/** What standard output must be able to do. */
export interface LineOutput {
  write(lines: Uint8Array): unknown
  flush(): Promise<void>
  readonly lost?: number
  readonly trouble?: string | undefined
}

/**
 * Standard output, between the lines of the log. Lines in its buffer may still be lost with their
 * reader: `verify` detects that, but the chain does not say so.
 */
export class OutputSink implements AuditSink {
  readonly #output: LineOutput

  constructor(output: LineOutput) {
    this.#output = output
  }

  async write(bytes: Buffer): Promise<number> {
    const output = this.#output
    if (output.trouble !== undefined) throw new Error(output.trouble)
    const lost = output.lost ?? 0
    output.write(bytes)
    if ((output.lost ?? 0) > lost) throw new Error('the reader of standard output is too slow')
    await output.flush()
    return bytes.length
  }

  follow(): Promise<boolean> {
    return Promise.resolve(false)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
