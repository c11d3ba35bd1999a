import { type Reply, readAll } from '../module.ts'
import { callSystem } from './call.ts'
import { type Descriptor, type OkapiState, tenantPath, urlOf } from './descriptor.ts'
import { HeaderFields } from './headers.ts'

/**
 * Okapi's internal module. While the supertenant has no auth filter (doc/securing.md), every caller that
 * reaches `/_/` may do everything; afterwards the permissions of `permissionsOf` are required.
 */
export async function internal(
  state: OkapiState,
  method: string,
  path: string,
  body: string,
): Promise<Reply | undefined> {
  const route = `${method} ${path.split('?', 1)[0]}`
  if (route === 'GET /_/version') return { status: 200, json: '7.2.0' }
  if (route === 'GET /_/proxy/health') return { status: 200, json: [] }
  if (route === 'GET /_/proxy/modules') return { status: 200, json: state.modules.map(idOnly) }
  if (route === 'GET /_/discovery/modules') return { status: 200, json: state.deployments }
  if (route === 'GET /_/proxy/tenants') {
    return { status: 200, json: [...state.tenants.keys()].map((id) => ({ id })) }
  }
  if (route === 'POST /_/proxy/modules') {
    const descriptor: Descriptor = JSON.parse(body)
    // DepResolution: a module is enabled after the providers of its required interfaces.
    const provided = state.modules.flatMap(({ provides = [] }) => provides.map((one) => one.id))
    const missing = (descriptor.requires ?? []).find((one) => !provided.includes(one.id))
    if (missing !== undefined) {
      return {
        status: 400,
        json: { error: `Missing dependency: ${descriptor.id} requires ${missing.id}` },
      }
    }
    state.modules.push(descriptor)
    return { status: 201, json: descriptor }
  }
  if (route === 'POST /_/proxy/tenants') {
    const { id }: { id: string } = JSON.parse(body)
    if (state.tenants.has(id)) return { status: 400, json: { error: `Duplicate tenant id ${id}` } }
    state.tenants.set(id, new Set())
    return { status: 201, json: JSON.parse(body) }
  }
  if (route === 'POST /_/discovery/modules') {
    state.deployments.push(JSON.parse(body))
    return { status: 201, json: JSON.parse(body) }
  }
  const one = /^GET \/_\/proxy\/modules\/([^/]+)$/.exec(route)
  if (one !== null) return whole(state, one[1]!)
  const gone = /^DELETE \/_\/discovery\/modules\/([^/]+)\/([^/]+)$/.exec(route)
  if (gone !== null) return withdraw(state, gone[1]!, gone[2]!)
  const enabled = /^(GET|POST) \/_\/proxy\/tenants\/([^/]+)\/modules$/.exec(route)
  if (enabled === null) return undefined
  const tenant = enabled[2] ?? ''
  if (enabled[1] === 'GET') {
    return { status: 200, json: [...(state.tenants.get(tenant) ?? [])].map((id) => ({ id })) }
  }
  const { id }: { id: string } = JSON.parse(body)
  return enable(state, tenant, id)
}

/** The permissions for a route of it; the real Okapi has one for each route, all of them in `okapi.all`. */
export function permissionsOf(method: string, path: string): readonly string[] {
  const open = method === 'GET' && /^\/_\/(?:version|proxy\/health)(?:\?|$)/.test(path)
  return open ? [] : ['okapi.all']
}

const idOnly = ({ id }: { id: string }) => ({ id })

function whole({ modules }: OkapiState, id: string): Reply {
  const descriptor = modules.find((module) => module.id === id)
  return descriptor === undefined ? { status: 404 } : { status: 200, json: descriptor }
}

/** DiscoveryManager.removeAndUndeploy, for instances that Okapi has not deployed. */
function withdraw({ deployments }: OkapiState, srvcId: string, instId: string): Reply {
  const i = deployments.findIndex((one) => one.srvcId === srvcId && one.instId === instId)
  if (i === -1) return { status: 404 }
  deployments.splice(i, 1)
  return { status: 204 }
}

/** TenantManager: the module's tenant interface is called directly, without a pipeline. */
async function enable(state: OkapiState, tenant: string, named: string): Promise<Reply> {
  // A product means its newest version (TenantManager); here there is only one.
  const descriptor = state.modules.find(
    (module) => module.id === named || module.id.replace(/-\d.*$/, '') === named,
  )
  const url = urlOf(state, descriptor?.id ?? named)
  if (descriptor === undefined || url === undefined) {
    return { status: 400, json: { error: `${named} is not known, or runs nowhere` } }
  }
  const { id } = descriptor
  const path = tenantPath(descriptor)
  if (path !== undefined) {
    const fields = new HeaderFields()
    fields.set('X-Okapi-Tenant', tenant)
    fields.set('X-Okapi-Url', state.okapiUrl)
    fields.set('X-Okapi-Url-to', url)
    const { status, body } = await callSystem(url, path, fields, { module_to: id })
    const text = await readAll(body)
    if (status >= 300) return { status: 400, json: { error: `${id}: ${status} ${text}` } }
  }
  state.tenants.set(tenant, (state.tenants.get(tenant) ?? new Set()).add(id))
  return { status: 201, json: { id } }
}
