import { hostname } from 'node:os'

/** Which name servers to ask, and how (resolv.conf(5)). */
export interface ResolvConf {
  readonly servers: readonly string[]
  /** Domains that are tried behind a name that is not absolute. */
  readonly search: readonly string[]
  /** With as many dots a name is asked for as it is before the domains are tried. */
  readonly ndots: number
}

const MOST_SERVERS = 3
const MOST_DOMAINS = 16
const MOST_NDOTS = 15
const MOST_NAME_BYTES = 253

/** Reads what `/etc/resolv.conf` says. What is unknown in it says nothing. */
export function parseResolvConf(text: string, host = hostname()): ResolvConf {
  const servers: string[] = []
  let search: readonly string[] | undefined
  let ndots = 1
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (key === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    // The last of both wins.
    else if (key === 'search') search = values
    else if (key === 'domain') search = values.slice(0, 1)
    else if (key === 'options') ndots = ndotsIn(values) ?? ndots
  }
  return {
    servers: servers.length === 0 ? ['127.0.0.1'] : servers.slice(0, MOST_SERVERS),
    search: (search ?? domainOf(host)).map(withoutDot).filter(Boolean).slice(0, MOST_DOMAINS),
    ndots,
  }
}

/**
 * The absolute names that a name may stand for, in the order in which they are asked for. With a dot
 * at its end it stands for itself only.
 */
export function absoluteNames(name: string, { search, ndots }: ResolvConf): readonly string[] {
  if (name.endsWith('.')) return [withoutDot(name)]
  const behind = search.map((domain) => `${name}.${domain}`)
  const dots = name.split('.').length - 1
  const all = dots >= ndots ? [name, ...behind] : [...behind, name]
  return all.filter(({ length }) => length <= MOST_NAME_BYTES)
}

/** `okapi.folio.svc.cluster.local.` without its last dot. */
export function withoutDot(name: string): string {
  return name.replace(/\.$/, '')
}

function ndotsIn(options: readonly string[]): number | undefined {
  const written = options.map((option) => /^ndots:(\d+)$/.exec(option)?.[1]).findLast(Boolean)
  return written === undefined ? undefined : Math.min(Number(written), MOST_NDOTS)
}

/** Without a line `search` or `domain` it is the domain that this machine is in. */
function domainOf(host: string): readonly string[] {
  const dot = host.indexOf('.')
  return dot === -1 ? [] : [host.slice(dot + 1)]
}
