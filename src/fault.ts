/** Where a person has to look: a file with its position, or a place inside a JSON document. */
export interface Where {
  readonly file?: string
  /** From 1. */
  readonly line?: number
  /** From 1. */
  readonly column?: number
  /** RFC 6901 JSON pointer, for documents that have no positions. */
  readonly pointer?: string
}

/** One thing that a person must mend, or should know. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** Lower-case initial, no full stop: it is printed after `okapi-sidecar: error: `. */
  readonly message: string
  readonly where?: Where
  /** What to do, with the exact command where there is one. */
  readonly hint?: string
}

/**
 * Thrown for input and environment that a person must mend: usage, configuration, files.
 * Ends the process with exit code 2; our own mistakes are plain `Error`s and end it with 1.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[] | Problem, options?: ErrorOptions) {
    const list = 'message' in problems ? [problems] : problems
    super(list.map((problem) => sentence(problem)).join('\n'), options)
    this.problems = list
  }
}

/** A Fault with a single error. */
export function fault(message: string, more: { hint?: string; where?: Where } = {}): Fault {
  return new Fault({ severity: 'error', message, ...more })
}

/** `file:line:column: message`, as editors and people read it. */
export function sentence({ message, where }: Problem): string {
  const at = position(where)
  return at === '' ? message : `${at}: ${message}`
}

/** The first of them in one line, and how many more there are. */
export function inOneLine(problems: readonly Problem[]): string {
  const [first, ...others] = problems.map(sentence)
  return others.length === 0 ? `${first}` : `${first} (and ${others.length} more)`
}

/** What a person does about them, each once; a field of a line of the log where there is any. */
export function hintsOf(problems: readonly Problem[]): { readonly hints?: readonly string[] } {
  const hints = [...new Set(problems.flatMap(({ hint }) => hint ?? []))]
  return hints.length === 0 ? {} : { hints }
}

function position(where: Where | undefined): string {
  if (where === undefined) return ''
  const { file, line, column, pointer } = where
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  return pointer === undefined ? place : place === '' ? pointer : `${place}#${pointer}`
}

/** The `code` of a Node system error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Did OpenSSL find what came to be no TLS, or was told so in an alert? For such an error Node emits
 * `error` and, once a handshake is over, leaves the socket open: its user must destroy it.
 */
export function isTlsError(error: unknown): boolean {
  return errorCode(error)?.startsWith('ERR_SSL_') === true
}

/** What OpenSSL says of an answer in plain text. */
const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'])

/** What a code says of a peer that does not speak TLS; of every other code undefined. */
export function withoutTls(code: string): string | undefined {
  return NO_TLS.has(code) ? `it does not speak TLS (${code})` : undefined
}

/** An error in the fewest words: its code. */
export function saidBy(error: Error): string {
  return errorCode(error) ?? error.message
}
