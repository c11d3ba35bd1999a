import { fault } from '../fault.ts'
import { type Impostor, type Ports, USUAL_PORTS } from '../probe/context.ts'
import type { DialTarget } from '../probe/dial.ts'

/** The addresses from --listen and --ask. Throws a Fault if one of them is missing or wrong. */
export function impostorOf({
  listen,
  ask,
}: {
  listen?: string | undefined
  ask?: string | undefined
}): { impostor?: Impostor } {
  if (listen === undefined && ask === undefined) return {}
  const url = URL.parse(ask ?? '')
  const at = URL.parse(`tcp://${listen ?? ''}`)
  if (url === null || !/^https?:$/.test(url.protocol) || at === null || at.port === '') {
    throw fault('--listen HOST:PORT and --ask URL go together', {
      hint: '--listen 0.0.0.0:8443 --ask http://localhost:9130/tags',
    })
  }
  const { host, port } = partsOf(at, 0)
  const endpoint = dialTargetOf(url.origin)
  return { impostor: { listen: { host, port }, endpoint, path: url.pathname + url.search } }
}

/** `https://HOST:PORT` or `http://HOST:PORT`. Throws a Fault for anything else. */
export function dialTargetOf(target: string): DialTarget {
  const url = URL.parse(target)
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== ''
  ) {
    throw fault(`\`${target}\` is not a target`, {
      hint: 'https://HOST:PORT, or http:// for a bare one',
    })
  }
  const tls = url.protocol === 'https:'
  return { ...partsOf(url, tls ? 443 : 80), tls }
}

function partsOf({ hostname, port }: URL, usual: number): { host: string; port: number } {
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || usual) }
}

/** NAME=PORT pairs that replace the usual ports. */
export function portsOf(pairs: readonly string[]): Ports {
  const ports = { ...USUAL_PORTS }
  for (const pair of pairs) {
    const [name = '', text = ''] = pair.split('=')
    const port = Number(text)
    if (!Object.hasOwn(ports, name) || !Number.isInteger(port) || port < 1 || port > 65535) {
      throw fault(`--ports: \`${pair}\` is not NAME=PORT`, {
        hint: `names are ${Object.keys(ports).join(', ')}`,
      })
    }
    Object.assign(ports, { [name]: name === 'module' ? [port] : port })
  }
  return ports
}

/** The HOST:PORT of a backend, or HOST with its usual port. Throws a Fault for anything else. */
export function hostPortOf(option: string, text: string, usual: number): DialTarget {
  const url = URL.parse(`tcp://${text}`)
  if (url === null || url.hostname === '' || url.host !== text) {
    throw fault(`--${option} takes HOST:PORT`, { hint: `--${option} localhost:${usual}` })
  }
  return { ...partsOf(url, usual), tls: false }
}
