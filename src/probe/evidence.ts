import type { Heard } from './conversation.ts'
import type { Evidence } from './finding.ts'
import { replay } from './replay.ts'

const SHOWN_BYTES = 2048

/** Header lines whose value opens something. */
const SECRET_LINES =
  /^((?:x-okapi-(?:additional-)?token|x-okapi-module-tokens|x-system-token|authorization|proxy-authorization|cookie|set-cookie)[ \t]*:[ \t]*)(.+)$/gim
/** JSON and form members that hold secrets, as modules spell them. */
const SECRET_MEMBERS =
  /("?(?:password|secret|accessToken|refreshToken|okapiToken|token)"?\s*[:=]\s*"?)([^",&\s}]{4,})/gi
/** A JSON Web Token, wherever it stands. */
const TOKENS = /eyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g
const KEYS = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g

/** Masks before it cuts, so that half a token cannot be left at the edge. */
export function shown(bytes: Buffer | string): string {
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

/** What went both ways in one conversation; what ended it stands in for bytes that never came. */
export function evidence(heard: Heard): Evidence {
  const { sent, received, ending, error, connected } = heard
  const how = error === null ? ending : `${ending}, ${error}`
  const nothing = connected ? `[no bytes: ${how}]` : `[no connection: ${how}]`
  return {
    sent: sent.length === 0 ? '[nothing: the connection did not come up]' : shown(sent),
    received: received.length === 0 ? nothing : shown(received),
    ...again(heard),
  }
}

function again({ door, pair, sent, alpn }: Heard): { replay?: string } {
  const line = replay(door, sent, pair, alpn)
  return line === undefined ? {} : { replay: line }
}
