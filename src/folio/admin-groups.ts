/** What an operator may be allowed to do at Okapi. `env` alone shows passwords, `read` does not. */
export const ADMIN_GROUPS = [
  'read',
  'discovery',
  'deployment',
  'tenants',
  'timers',
  'env',
  'import',
] as const

/** One of the groups of Okapi's administration. */
export type AdminGroup = (typeof ADMIN_GROUPS)[number]

/** A route of Okapi's internal interface. */
export interface AdminRoute {
  readonly methods: readonly string[]
  readonly pathPattern: string
  readonly group: AdminGroup
}

/**
 * The routes of Okapi 7's internal module (okapi-core InternalModule.moduleDescriptor). Other routes,
 * of a newer Okapi, belong to no group and need a grant by method and path. Launch descriptors under
 * `/_/deployment` may contain environment variables, so even reading them needs `deployment`.
 */
export const ADMIN_ROUTES: readonly AdminRoute[] = [
  ...group('read', [
    'GET /_/version',
    'GET /_/proxy/health',
    'GET /_/proxy/modules',
    'GET /_/proxy/modules/{moduleId}',
    'GET /_/proxy/tenants',
    'GET /_/proxy/tenants/{tenantId}',
    'GET /_/proxy/tenants/{tenantId}/install',
    'GET /_/proxy/tenants/{tenantId}/install/{installId}',
    'GET /_/proxy/tenants/{tenantId}/modules',
    'GET /_/proxy/tenants/{tenantId}/modules/{moduleId}',
    'GET /_/proxy/tenants/{tenantId}/interfaces',
    'GET /_/proxy/tenants/{tenantId}/interfaces/{interfaceId}',
    'GET /_/proxy/tenants/{tenantId}/timers',
    'GET /_/proxy/tenants/{tenantId}/timers/{timerId}',
    'GET /_/discovery/modules',
    'GET /_/discovery/modules/{serviceId}',
    'GET /_/discovery/modules/{serviceId}/{instanceId}',
    'GET /_/discovery/health',
    'GET /_/discovery/health/{serviceId}',
    'GET /_/discovery/health/{serviceId}/{instanceId}',
    'GET /_/discovery/nodes',
    'GET /_/discovery/nodes/{nodeId}',
  ]),
  ...group('discovery', [
    'POST,DELETE /_/discovery/modules',
    'DELETE /_/discovery/modules/{serviceId}',
    'PUT,DELETE /_/discovery/modules/{serviceId}/{instanceId}',
    'PUT /_/discovery/nodes/{nodeId}',
  ]),
  ...group('deployment', [
    'GET,POST /_/deployment/modules',
    'GET,DELETE /_/deployment/modules/{instanceId}',
  ]),
  ...group('tenants', [
    'POST /_/proxy/tenants',
    'PUT,DELETE /_/proxy/tenants/{tenantId}',
    'POST /_/proxy/tenants/{tenantId}/upgrade',
    'POST,DELETE /_/proxy/tenants/{tenantId}/install',
    'DELETE /_/proxy/tenants/{tenantId}/install/{installId}',
    'POST,DELETE /_/proxy/tenants/{tenantId}/modules',
    'POST,DELETE /_/proxy/tenants/{tenantId}/modules/{moduleId}',
  ]),
  ...group('timers', [
    'PATCH /_/proxy/tenants/{tenantId}/timers',
    'PATCH /_/proxy/tenants/{tenantId}/timers/{timerId}',
  ]),
  ...group('env', ['GET,POST /_/env', 'GET,DELETE /_/env/{id}']),
  ...group('import', [
    'POST /_/proxy/modules',
    'DELETE /_/proxy/modules/{moduleId}',
    'POST /_/proxy/import/modules',
    'POST /_/proxy/cleanup/modules',
    'POST /_/proxy/pull/modules',
  ]),
]

function group(name: AdminGroup, routes: readonly string[]): AdminRoute[] {
  return routes.map((route) => {
    const [methods, pathPattern] = route.split(' ')
    return { methods: methods!.split(','), pathPattern: pathPattern!, group: name }
  })
}
