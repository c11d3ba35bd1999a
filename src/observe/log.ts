import pino, { type DestinationStream, type Logger } from 'pino'
import { asciiJson } from './json-line.ts'
import { StandardOutput } from './standard-output.ts'

export type { Logger } from 'pino'

/** Where lines go; the access log shares it, so that lines never cut into each other. */
export interface LogDestination extends DestinationStream {
  /** Bytes are valid during the call only. */
  write(lines: string | Uint8Array): unknown
  /** Resolves when everything is written that can be. */
  flush(): Promise<void>
  /** Lines that will never be written; absent where that is not counted. */
  readonly lost?: number
  /** What keeps lines from being written now; undefined: nothing. */
  readonly trouble?: string | undefined
}

/** A log and where it goes. */
export interface Log {
  readonly log: Logger
  readonly destination: LogDestination
}

/** Names under which a secret might be passed to the log by mistake. */
const SECRETS = ['token', 'cookie', 'authorization', 'key', 'password', 'headers', 'body']

/** The log of events: JSON lines with `level` as a word, `time` in ISO 8601, `msg`. */
export function createLog(options: {
  readonly level: string
  readonly destination?: LogDestination
}): Log {
  const { level, destination = new StandardOutput() } = options
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
    },
    // Names chosen by a Kafka client may contain control sequences of a terminal.
    { write: (line) => destination.write(asciiJson(line)) },
  )
  return { log, destination }
}

/** The remark if lines cannot be written. */
export function logRemark({ lost = 0, trouble }: LogDestination): string | undefined {
  if (trouble === undefined) return undefined
  return `lines cannot be written, ${lost} are lost since the start: ${trouble}`
}
