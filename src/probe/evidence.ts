import type { Transcript } from './conversation.ts'
import type { DialTarget, PemPair } from './dial.ts'
import { hostLine } from './http.ts'

/** What was sent and received, as text: cut, with secrets masked. */
export interface Evidence {
  readonly sent: string
  readonly received: string
  /** A shell line that sends the same bytes again; not for attacks that make their own certificate. */
  readonly replay?: string
}

const SHOWN_BYTES = 2048

/** Header lines with a secret value. */
const SECRET_LINES =
  /^((?:x-okapi-(?:additional-)?token|x-okapi-module-tokens|x-system-token|authorization|proxy-authorization|cookie|set-cookie)[ \t]*:[ \t]*)(.+)$/gim
/** JSON and form members that hold secrets, as modules spell them. */
const SECRET_MEMBERS =
  /("?(?:password|secret|accessToken|refreshToken|okapiToken|token)"?\s*[:=]\s*"?)([^",&\s}]{4,})/gi
/** A JSON Web Token, wherever it stands. */
const TOKENS = /eyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g
const KEYS = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g

/** Masks before it cuts, so that no half of a token is left at the cut. */
export function masked(bytes: Buffer | string): string {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1')
  const masked = text
    .replace(KEYS, '[private key]')
    .replace(SECRET_LINES, '$1[masked]')
    .replace(TOKENS, '[token]')
    .replace(SECRET_MEMBERS, '$1[masked]')
  const visible = masked.replace(/[^\t\r\n\x20-\x7e]/g, escaped)
  if (visible.length <= SHOWN_BYTES) return visible
  const rest = visible.length - SHOWN_BYTES
  return `${visible.slice(0, SHOWN_BYTES)}\n[${rest} more]`
}

function escaped(character: string): string {
  return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`
}

/** What went both ways in one conversation; how it ended replaces an answer that never came. */
export function evidence(transcript: Transcript): Evidence {
  const { sent, received, end, error, connected } = transcript
  const how = error === null ? end : `${end}, ${error}`
  const nothing = connected ? `[no bytes: ${how}]` : `[no connection: ${how}]`
  return {
    sent: sent.length === 0 ? '[nothing: the connection did not come up]' : masked(sent),
    received: received.length === 0 ? nothing : masked(received),
    ...again(transcript),
  }
}

function again({ endpoint, pair, sent, alpn }: Transcript): { replay?: string } {
  const line = replay(endpoint, sent, pair, alpn)
  return line === undefined ? {} : { replay: line }
}

/** Longer messages are not practical to paste. */
const LONGEST_BYTES = 1500
const TOKEN = /(^|\n)(X-Okapi-Token|Cookie|Authorization): [^\r\n]+/gi

/**
 * A shell line that sends the same bytes with printf and openssl (or nc, where there is no TLS). A
 * token is replaced by a placeholder for the tester's own. A certificate that was made for the run is
 * named CERT and KEY. Undefined for messages that are too long for a line.
 */
function replay(
  endpoint: DialTarget,
  sent: Buffer,
  pair: PemPair | undefined,
  alpn?: string,
): string | undefined {
  if (sent.length === 0 || sent.length > LONGEST_BYTES) return undefined
  const message = sent.toString('latin1').replace(TOKEN, '$1$2: TOKEN')
  const printed = `printf '${[...message].map(printfEscaped).join('')}'`
  if (!endpoint.tls) return `${printed} | nc ${endpoint.host} ${endpoint.port}`
  const files = (directory: string) => ` -cert ${directory}/tls.crt -key ${directory}/tls.key`
  const shown = pair?.directory === undefined ? ' -cert CERT -key KEY' : files(pair.directory)
  const identity = pair === undefined ? '' : shown
  const spoken = alpn === undefined ? '' : ` -alpn ${alpn}`
  return `${printed} | openssl s_client -quiet -ign_eof -connect ${hostLine(endpoint)}${spoken}${identity}`
}

/** For printf in single quotes: POSIX has octal escapes, and `%` begins a conversion. */
function printfEscaped(character: string): string {
  const code = character.charCodeAt(0)
  if (character === '%') return '%%'
  if (character === '\\') return '\\\\'
  if (character === '\r') return '\\r'
  if (character === '\n') return '\\n'
  if (character === "'" || code < 0x20 || code > 0x7e)
    return `\\${code.toString(8).padStart(3, '0')}`
  return character
}
