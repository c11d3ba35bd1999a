import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CALLEE, CALLERS, OKAPI } from './certificates.ts'

/** The interface that all modules call. */
const ITEMS = {
  id: 'items',
  version: '1.0',
  handlers: [
    { methods: ['GET', 'POST'], pathPattern: '/items' },
    { methods: ['GET', 'PUT', 'POST', 'DELETE'], pathPattern: '/items/{id}' },
  ],
}

/** Handlers in each of the modules that only make the set wide. */
const HANDLERS = 30

/**
 * A set of descriptors: Okapi's, the callers', the provider's, and as many further modules as it
 * takes to have `routes` routes, shaped as FOLIO's are: a collection and its items, some deeper.
 */
export async function writeDescriptors(directory: string, routes = 0): Promise<void> {
  await mkdir(directory, { recursive: true })
  const wide = Array.from({ length: Math.ceil(routes / HANDLERS) }, (_, i) => wideModule(i))
  const requires = [
    { id: 'items', version: '1.0' },
    ...wide.map(({ provides: [one] }) => need(one!)),
  ]
  const all = [
    { id: OKAPI, provides: [{ id: 'okapi', version: '1.15', handlers: [] }] },
    { id: CALLEE, provides: [ITEMS] },
    ...CALLERS.map((id) => ({ id, requires, provides: [] })),
    ...wide,
  ]
  for (const descriptor of all) {
    await writeFile(join(directory, `${descriptor.id}.json`), JSON.stringify(descriptor, null, 2))
  }
}

function need({ id, version }: { id: string; version: string }) {
  return { id, version }
}

function wideModule(index: number) {
  const name = `stock-${index}`
  const handlers = Array.from({ length: HANDLERS / 3 }, (_, i) => [
    { methods: ['GET', 'POST'], pathPattern: `/${name}/shelf-${i}` },
    { methods: ['GET', 'PUT', 'DELETE'], pathPattern: `/${name}/shelf-${i}/{id}` },
    { methods: ['GET'], pathPattern: `/${name}/shelf-${i}/{id}/history/{entry}` },
  ]).flat()
  return { id: `mod-${name}-1.0.0`, provides: [{ id: name, version: '1.0', handlers }] }
}
