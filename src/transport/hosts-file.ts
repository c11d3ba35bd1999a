import { isIP } from 'node:net'

/** The addresses of each name, in lower case, in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>

/** Reads what `/etc/hosts` says: an address, then its names; `#` begins a comment (hosts(5)). */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      const known = hosts.get(key)
      if (known === undefined) hosts.set(key, [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return hosts
}
