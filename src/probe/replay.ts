import type { Door, KeyPair } from './dial.ts'
import { hostLine } from './request.ts'

/** Longer messages are no lines to paste. */
const LONGEST_BYTES = 1500
const TOKEN = /(^|\n)(X-Okapi-Token|Cookie|Authorization): [^\r\n]+/gi

/**
 * A shell line that sends the same bytes with printf and openssl (or nc, where there is no TLS). A
 * token is replaced: the tester puts an own one in. A certificate that was made for the run is named
 * CERT and KEY. Undefined for messages that are too long for a line.
 */
export function replay(
  door: Door,
  sent: Buffer,
  pair: KeyPair | undefined,
  alpn?: string,
): string | undefined {
  if (sent.length === 0 || sent.length > LONGEST_BYTES) return undefined
  const message = sent.toString('latin1').replace(TOKEN, '$1$2: TOKEN')
  const printed = `printf '${[...message].map(escaped).join('')}'`
  if (!door.tls) return `${printed} | nc ${door.host} ${door.port}`
  const files = (directory: string) => ` -cert ${directory}/tls.crt -key ${directory}/tls.key`
  const shown = pair?.directory === undefined ? ' -cert CERT -key KEY' : files(pair.directory)
  const identity = pair === undefined ? '' : shown
  const spoken = alpn === undefined ? '' : ` -alpn ${alpn}`
  return `${printed} | openssl s_client -quiet -ign_eof -connect ${hostLine(door)}${spoken}${identity}`
}

/** For printf in single quotes: POSIX has octal escapes, and `%` begins a conversion. */
function escaped(character: string): string {
  const code = character.charCodeAt(0)
  if (character === '%') return '%%'
  if (character === '\\') return '\\\\'
  if (character === '\r') return '\\r'
  if (character === '\n') return '\\n'
  if (character === "'" || code < 0x20 || code > 0x7e)
    return `\\${code.toString(8).padStart(3, '0')}`
  return character
}
