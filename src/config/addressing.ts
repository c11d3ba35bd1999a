import { type Parsed, type PeerAddress, parsePeer } from './addresses.ts'

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
 * for its product, else for all. Empty where the table knows it not, or where its version makes no
 * host name.
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
