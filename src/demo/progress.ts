/** Tells a person what is being done. On a terminal the line is written over; elsewhere it stays. */
export interface ProgressLine {
  tell(doing: string): void
  /** Clears the line, so that the output begins at its beginning. */
  done(): void
}

/** Says nothing at all where `quiet`, and no control characters where there is no terminal. */
export function progressLine(stream: NodeJS.WriteStream, quiet: boolean): ProgressLine {
  if (stream.isTTY) {
    return {
      tell: (doing) => stream.write(`\r\x1b[K${doing} …`),
      done: () => stream.write('\r\x1b[K'),
    }
  }
  return {
    tell: (doing) => {
      if (!quiet) stream.write(`${doing} …\n`)
    },
    done: () => undefined,
  }
}
