import { isIPv4, isIPv6 } from 'node:net'

/**
 * The bytes of an IP address as a certificate holds them (RFC 5280 section 4.2.1.6): 4 or 16.
 * Undefined for anything else, an IPv6 zone included.
 */
export function addressBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head, tail] = text.split('::')
  const before = groups(head!)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - before.length - after.length).fill(0)
  const bytes = Buffer.alloc(16)
  ;[...before, ...zeros, ...after].forEach((group, i) => {
    bytes.writeUInt16BE(group, i * 2)
  })
  return bytes
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a, b, c, d] = group.split('.').map(Number)
    return [a! * 256 + b!, c! * 256 + d!]
  })
}

/** The text of 4 or 16 address bytes, IPv6 without shortening but for leading zeros of a group. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = Buffer.from(bytes)
  return Array.from({ length: 8 }, (_, i) => view.readUInt16BE(i * 2).toString(16)).join(':')
}
