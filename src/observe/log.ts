import pino, { type DestinationStream, type Logger } from 'pino'

export type { Logger } from 'pino'

/** A stream of lines that can be emptied at once. */
export interface LogDestination extends DestinationStream {
  write(lines: string): unknown
  flushSync(): void
}

/** A log and the stream it shares with the access log, so that lines never cut into each other. */
export interface Log {
  readonly log: Logger
  readonly destination: LogDestination
  /** Writes what is held back, now; for the line that people wait for, and for the end. */
  flush(): void
}

// A reader of stdout that stands still must not fill our memory: what is above this is dropped.
const HELD_BACK_BYTES = 8 * 1024 * 1024

/**
 * Standard output in batches of 4 KiB, or after 100 ms. Emptied when the process exits by itself or
 * by `process.exit`.
 */
export function standardOutput(): LogDestination {
  return pino.destination({
    dest: 1,
    sync: false,
    minLength: 4096,
    maxLength: HELD_BACK_BYTES,
    periodicFlush: 100,
  })
}

/** Names under which a secret might be handed to the log by mistake. */
const SECRETS = ['token', 'cookie', 'authorization', 'key', 'password', 'headers', 'body']

/** The log of events: JSON lines with `level` as a word, `time` in ISO 8601, `msg`. */
export function createLog(options: {
  readonly level: string
  readonly destination?: LogDestination
}): Log {
  const { level, destination = standardOutput() } = options
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
    },
    destination,
  )
  return { log, destination, flush: () => destination.flushSync() }
}
