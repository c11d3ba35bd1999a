import { productOf } from '../folio/module-id.ts'
import type { Opening } from './opening.ts'

/** A module that sends whatever its caller asks for wherever its caller says. */
export interface Forwarder {
  readonly product: string
  /** Where it is told what to send: beginnings of path patterns, names of parameters left out. */
  readonly paths: readonly string[]
  readonly what: string
}

const PUBLICATIONS = {
  paths: ['/consortia/{}/publications'],
  what: 'publications: the caller gives URL, method, body and tenants',
}

/** The generic forwarders of FOLIO, by product. */
export const FORWARDERS: readonly Forwarder[] = [
  { product: 'mod-consortia', ...PUBLICATIONS },
  { product: 'mod-consortia-keycloak', ...PUBLICATIONS },
  {
    product: 'mod-pubsub',
    paths: ['/pubsub/publish', '/pubsub/event-types'],
    what: 'subscribers: the caller registers the path that an event is sent to',
  },
  {
    product: 'mod-graphql',
    paths: ['/graphql'],
    what: 'queries: the caller says which records are fetched, from any storage',
  },
  {
    product: 'mod-scheduler',
    paths: ['/scheduler/timers'],
    what: 'timers: the caller gives the path and method that are called',
  },
]

/** What an opening lets its caller send on through the provider; undefined: nothing of the kind. */
export function forwardedBy({ provider, pathPattern, methods }: Opening): Forwarder | undefined {
  if (
    methods.every((method) => READING.includes(method)) &&
    productOf(provider) !== 'mod-graphql'
  ) {
    return undefined
  }
  const path = pathPattern.replace(/\{[^}]*\}/g, '{}')
  const begins = (start: string) => path === start || path.startsWith(`${start}/`)
  return FORWARDERS.find(
    ({ product, paths }) => product === productOf(provider) && paths.some(begins),
  )
}

const READING: readonly string[] = ['GET', 'HEAD', 'DELETE']
