import { BlockList, isIP } from 'node:net'
import { parseModuleId, splitModuleId } from '../folio/module-id.ts'

/** Where a listener binds: TCP (port 0 is allowed) or a Unix socket. Fits `net.Server.listen`. */
export type Listen = { readonly host: string; readonly port: number } | { readonly path: string }

/** Consecutive ports of one host, both ends included; 0 to 0 is one port of the system's choice. */
export interface PortRange {
  readonly host: string
  readonly from: number
  readonly to: number
}

/** A peer to connect to. `authority` is what its Host line says. */
export interface PeerAddress {
  readonly host: string
  readonly port: number
  readonly authority: string
}

/** The module itself, plain: an address, or a Unix socket with `localhost` as authority. */
export type Forward = PeerAddress | { readonly path: string; readonly authority: string }

/** Either the value, or a sentence that says what is wrong with the text. */
export type Parsed<T> = { readonly value: T } | { readonly wrong: string }

// RFC 1123 labels, and `_` as Docker's names have it; RFC 4291 literals stand in brackets.
const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_-]+)*$/
const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})(?:-(\d{1,5}))?$/

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** `HOST:PORT`, `[::1]:PORT`, `localhost:PORT` or `unix:/path`. */
export function parseListen(text: string): Parsed<Listen> {
  if (text.startsWith('unix:')) return unixPath(text)
  const parsed = hostPorts(text)
  if ('wrong' in parsed) return parsed
  const { host, from, to } = parsed.value
  if (from !== to) return { wrong: 'takes one port here, not a range' }
  return { value: { host, port: from } }
}

/** `HOST:PORT-PORT`, or one port. */
export function parsePortRange(text: string): Parsed<PortRange> {
  const parsed = hostPorts(text)
  if ('wrong' in parsed) return parsed
  const { from, to } = parsed.value
  if (to < from) return { wrong: `ends (${to}) before it begins (${from})` }
  if (from === 0 && to !== 0) return { wrong: 'cannot begin with port 0' }
  return parsed
}

/** `https://HOST[:PORT]` and nothing after it. */
export function parsePeer(text: string): Parsed<PeerAddress> {
  return origin(text, 'https', 443)
}

/** `http://HOST[:PORT]` and nothing after it, or `unix:/path`. */
export function parseForward(text: string): Parsed<Forward> {
  if (!text.startsWith('unix:')) return origin(text, 'http', 80)
  const parsed = unixPath(text)
  return 'wrong' in parsed ? parsed : { value: { path: parsed.value.path, authority: 'localhost' } }
}

/** A database server: `HOST[:PORT]`, 5432 where no port is named. */
export function parseDatabaseServer(text: string): Parsed<{ host: string; port: number }> {
  return parseServer(text, 5432)
}

/** A Kafka broker: `HOST[:PORT]`, 9093 where no port is named. */
export function parseBroker(text: string): Parsed<{ host: string; port: number }> {
  return parseServer(text, 9093)
}

function parseServer(text: string, byDefault: number): Parsed<{ host: string; port: number }> {
  const parsed = hostPorts(/:\d+$/.test(text) ? text : `${text}:${byDefault}`)
  if ('wrong' in parsed) return parsed
  const { host, from, to } = parsed.value
  return from !== to || from === 0
    ? { wrong: 'needs one port, not 0' }
    : { value: { host, port: from } }
}

/** `unix:/path`, or `unix:///path` as SPIFFE_ENDPOINT_SOCKET has it. */
export function parseUnixSocket(text: string): Parsed<{ readonly path: string }> {
  const path = /^unix:(?:\/\/)?(\/[^/].*)$/.exec(text)?.[1]
  return path === undefined ? { wrong: 'must be unix:///absolute/path' } : unixPath(`unix:${path}`)
}

/** 127.0.0.0/8, ::1, the name `localhost` (RFC 6761 section 6.3), or a Unix socket. */
export function isLoopback(address: { readonly host: string } | { readonly path: string }) {
  if ('path' in address) return true
  const version = isIP(address.host)
  if (version === 0) return /^localhost\.?$/i.test(address.host)
  return LOOPBACK.check(address.host, version === 4 ? 'ipv4' : 'ipv6')
}

/** The text that was parsed, as a person writes it. */
export function formatListen(listen: Listen): string {
  if ('path' in listen) return `unix:${listen.path}`
  return `${isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host}:${listen.port}`
}

function origin(text: string, scheme: 'http' | 'https', port: number): Parsed<PeerAddress> {
  const example = `${scheme}://HOST:PORT`
  if (!text.startsWith(`${scheme}://`)) return { wrong: `must be ${example}` }
  const rest = text.slice(scheme.length + 3).replace(/\/$/, '')
  if (/[/?#@]/.test(rest)) return { wrong: `must be ${example} with nothing before or after it` }
  // A dot at the end of a name turns search domains off. It is only for resolvers: Host equals SNI,
  // which has none (RFC 6066 section 3).
  const authority = rest.replace(/(?<=[A-Za-z0-9_-])\.(?=:\d+$|$)/, '')
  const written = /:\d+$/.test(authority)
  const parsed = hostPorts(written ? authority : `${authority}:${port}`)
  if ('wrong' in parsed) return parsed
  const { host, from, to } = parsed.value
  if (from !== to || from === 0) return { wrong: 'needs one port, not 0' }
  if (authority === rest) return { value: { host, port: from, authority } }
  if (isIP(host) !== 0) return { wrong: 'has a dot behind its address' }
  return { value: { host: `${host}.`, port: from, authority } }
}

function hostPorts(text: string): Parsed<PortRange> {
  const match = HOST_PORT.exec(text)
  if (match === null) return { wrong: 'must be HOST:PORT; an IPv6 address goes in brackets' }
  const [, v6, name, first, last] = match
  const host = v6 ?? name ?? ''
  if (v6 !== undefined && isIP(v6) !== 6) return { wrong: `has no IPv6 address in \`[${v6}]\`` }
  if (v6 === undefined && !isHost(host)) return { wrong: `has no host name or address in ${host}` }
  const from = Number(first)
  const to = last === undefined ? from : Number(last)
  if (from > 65535 || to > 65535) return { wrong: 'has a port above 65535' }
  return { value: { host, from, to } }
}

/** A name of digits and dots alone must be an address: `127.1` means different hosts to resolvers. */
function isHost(host: string): boolean {
  return /^[\d.]+$/.test(host) ? isIP(host) === 4 : host.length <= 253 && HOST.test(host)
}

function unixPath(text: string): Parsed<{ readonly path: string }> {
  const path = text.slice('unix:'.length)
  // sun_path has 108 bytes with its NUL (unix(7)); a longer one would be truncated silently.
  if (Buffer.byteLength(path) > 107)
    return { wrong: 'is longer than the 107 bytes of a socket path' }
  return path.startsWith('/') ? { value: { path } } : { wrong: 'must be unix:/absolute/path' }
}

/** A module id as Okapi splits it. */
export interface ModuleName {
  readonly id: string
  readonly product: string
  readonly version: string
}

/** What a peer must prove: exactly this id, or any version of this product. */
export type PeerName =
  | { readonly kind: 'module'; readonly id: string }
  | { readonly kind: 'product'; readonly product: string }

/** SPIFFE path characters: an id with others (`+` of a build) is not possible in a certificate. */
const SPIFFE_SEGMENT = /^[a-zA-Z0-9._-]+$/

/** `mod-users-19.7.0`. */
export function parseModule(text: string): Parsed<ModuleName> {
  const parsed = SPIFFE_SEGMENT.test(text) ? parseModuleId(text) : undefined
  const { product, version } = splitModuleId(text)
  return parsed === undefined || version === undefined
    ? { wrong: 'must be a module id with its version, as mod-users-19.7.0' }
    : { value: { id: text, product, version } }
}

/** `mod-users-19.7.0` or `mod-users`. */
export function parsePeerName(text: string): Parsed<PeerName> {
  if ('value' in parseModule(text)) return { value: { kind: 'module', id: text } }
  return SPIFFE_SEGMENT.test(text) && splitModuleId(text).version === undefined
    ? { value: { kind: 'product', product: text } }
    : { wrong: 'must be a module id as okapi-7.2.0, or a product as okapi' }
}

/**
 * Where the sidecars of modules are found. Keys are a module id, a product, or `*` for all others;
 * the values are templates that know `{module}`, `{product}` and `{version}`.
 */
export type Addressing = Readonly<Record<string, readonly string[]>>

interface Callee {
  readonly id: string
  readonly product: string
  readonly version: string
}

const SAMPLE: Callee = { id: 'mod-users-19.7.0', product: 'mod-users', version: '19.7.0' }

/**
 * The addresses of one module in the order in which they are tried: those listed for its id, else
 * for its product, else for all. Empty if the table has no entry, or if its version is not possible
 * in a host name.
 */
export function addressesOf(addressing: Addressing, callee: Callee): readonly PeerAddress[] {
  const templates = own(addressing, callee.id) ?? own(addressing, callee.product)
  return (templates ?? own(addressing, '*') ?? []).flatMap((template) => {
    const parsed = parsePeer(expand(template, callee))
    return 'value' in parsed ? [parsed.value] : []
  })
}

/** The template as it is, or what is wrong with it. */
export function parseTemplate(template: string): Parsed<string> {
  const unknown = template.match(/\{(?!module\}|product\}|version\})[^}]*\}?/)
  if (unknown !== null) return { wrong: `knows {module}, {product}, {version}; not ${unknown[0]}` }
  const parsed = parsePeer(expand(template, SAMPLE))
  return 'wrong' in parsed ? parsed : { value: template }
}

function expand(template: string, { id, product, version }: Callee): string {
  return template
    .replaceAll('{module}', () => id)
    .replaceAll('{product}', () => product)
    .replaceAll('{version}', () => version)
}

function own(addressing: Addressing, key: string): readonly string[] | undefined {
  return Object.hasOwn(addressing, key) ? addressing[key] : undefined
}
