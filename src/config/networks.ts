import { isIP, isIPv4 } from 'node:net'
import type { Parsed } from './addresses.ts'

/** Consecutive addresses of one family: a CIDR block, or one address. */
export interface Network {
  /** As a person writes it: `10.1.2.0/24`, `10.1.2.3`. */
  readonly text: string
  readonly family: 4 | 6
  /** The first address. */
  readonly first: bigint
  /** How many leading bits are fixed. */
  readonly bits: number
}

const BITS = { 4: 32, 6: 128 } as const

// The largest block that one organisation has of its own: 10.0.0.0/8 (RFC 1918), which some pod
// networks are as a whole, and a ULA prefix or one site's /48 (RFC 4193 section 3.1, RFC 6177). A
// larger block does not identify callers.
const WIDEST = { 4: 8, 6: 48 } as const

// One subnet. What is wider may be needed for pods that get a new address at each start; a person
// should know that every address of it counts.
const NARROW = { 4: 24, 6: 64 } as const

/** An address or a CIDR block, IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) being IPv4. No names. */
export function parseNetwork(text: string): Parsed<Network> {
  const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const read = readAddress(address)
  if (read === undefined) return { wrong: `must be addresses as 10.1.2.3 or 10.1.2.0/24: ${text}` }
  const { family, value, mapped } = read
  const bits = length === undefined ? BITS[family] : Number(length) - (mapped ? 96 : 0)
  if (bits > BITS[family]) return { wrong: `has no such network: ${text}` }
  if (bits < WIDEST[family]) {
    return {
      wrong: `${text} is wider than /${WIDEST[family]}, which is too many addresses for a list of callers`,
    }
  }
  const rest = BigInt(BITS[family] - bits)
  const first = (value >> rest) << rest
  if (first !== value) return { wrong: `${text} has bits set after its /${length}` }
  if (value === 0n) return { wrong: `${text} is not an address that a caller can have` }
  return { value: { text, family, first, bits } }
}

/** Is this one subnet at most? */
export function isNarrow({ family, bits }: Network): boolean {
  return bits >= NARROW[family]
}

/**
 * Does the address of a connection, as Node tells it, stand in one of the networks? One with a zone
 * (`fe80::1%eth0`), or none at all, never does.
 */
export function isInNetworks(networks: readonly Network[], address: string | undefined): boolean {
  const read = address === undefined ? undefined : readAddress(address)
  if (read === undefined) return false
  return networks.some(({ family, first, bits }) => {
    const rest = BigInt(BITS[family] - bits)
    return family === read.family && read.value >> rest === first >> rest
  })
}

interface Address {
  readonly family: 4 | 6
  readonly value: bigint
  /** It was written as IPv6. */
  readonly mapped: boolean
}

const MAPPED = 0xffffn

function readAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: fromDotted(text), mapped: false }
  if (isIP(text) !== 6 || text.includes('%')) return undefined
  const value = fromColons(text)
  if (value >> 32n !== MAPPED) return { family: 6, value, mapped: false }
  return { family: 4, value: value & 0xffffffffn, mapped: true }
}

function fromDotted(text: string): bigint {
  return text.split('.').reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** Of an IPv6 address that `isIP` takes for one. */
function fromColons(text: string): bigint {
  const [head = '', tail] = text.split('::')
  const [before, after] = [groups(head), groups(tail ?? '')]
  const gap = tail === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...Array<bigint>(gap).fill(0n), ...after]
  return all.reduce((value, group) => (value << 16n) | group, 0n)
}

/** The groups of 16 bits; the last two may be written as IPv4. */
function groups(text: string): bigint[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)]
    const value = fromDotted(group)
    return [value >> 16n, value & 0xffffn]
  })
}
