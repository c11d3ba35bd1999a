import { MODULE_IMAGE, REPOSITORY } from './images.ts'

// Who lives in the cluster, and what an operator writes for each.

export const NAMESPACE = 'folio'
export const TRUST_DOMAIN = 'folio.test'
const WAIT_MS = 240_000
/** The tenant that the modules are enabled for. */
export const TENANT = 'diku'
export const OKAPI = 'okapi-7.2.0'

/** The modules, each after what it requires. What they ask Okapi for before they answer. */
export const MODULES: Readonly<Record<string, string>> = {
  'mod-users-19.7.0': '',
  'mod-notes-8.1.0': '/users/8c3f8a5e-2f64-4d6e-9b1d-0a4e5c1f7d10',
  'mod-tags-3.1.0': '',
}

const NOTES = 'mod-notes-8.1.0'

/** A path that crosses two modules: Okapi, mod-notes, Okapi, mod-users and back. */
export const NOTE = '/notes/5d0a1c4e-93c5-4a0f-8a30-2c7f6b9e1d01'
export const USER = MODULES[NOTES]!

/** `mod-users` of `mod-users-19.7.0`: release, Service and container are called so. */
export function productOf(id: string): string {
  return id.replace(/-\d.*$/, '')
}

/** The chart's Deployment of a module. */
export function deploymentOf(id: string): string {
  return id.replaceAll('.', '-')
}

/** A Pod Security Standard. */
export type Standard = 'restricted' | 'baseline' | 'privileged'

/** A namespace, with the standard that it enforces. */
export function namespace(name: string, standard: Standard): object {
  const label = 'pod-security.kubernetes.io'
  const labels = { [`${label}/enforce`]: standard, [`${label}/warn`]: standard }
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
}

/** What an operator writes for a module; `restricted` and nothing turned off. */
export function valuesOf(id: string): Record<string, unknown> {
  const common = {
    module: id,
    trustDomain: TRUST_DOMAIN,
    image: { repository: REPOSITORY },
    credentials: { from: 'secret', secret: { name: id } },
    // Where a module has one pod its callers wait for the next one, on a busy machine longer than by default.
    config: { limits: { connectWaitMs: WAIT_MS } },
  }
  const image = MODULE_IMAGE
  if (id !== OKAPI) return { ...common, workload: { image, args: moduleArgs(id) } }
  const urls = Object.keys(MODULES).map((one, i) => [one, `http://127.0.0.1:${20_000 + i}/${one}`])
  const settings = { tenant: TENANT, modules: Object.fromEntries(urls), readyAfter: NOTES }
  return { ...common, workload: { image, args: ['/test/okapi.ts', JSON.stringify(settings)] } }
}

/** The arguments of a module's container. */
export function moduleArgs(id: string, more: object = {}): string[] {
  const settings = { answerMs: 20, asks: MODULES[id] ?? '', ...more }
  return ['/test/module.ts', JSON.stringify(settings)]
}
