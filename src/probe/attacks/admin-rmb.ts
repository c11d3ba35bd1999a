import { callAttack } from '../call-attack.ts'

/** domain-models-api-interfaces/ramls/admin.raml: no permission, in no descriptor. */
export const adminRmb = callAttack({
  id: 'admin-rmb',
  title: 'RMB’s GET /admin/*',
  meaning: 'Thread dumps, memory, running queries and passwords of the module are read.',
  remedy: 'Close every route that no descriptor declares; keep /admin inside the pod.',
  against: 'module',
  calls: () =>
    ['jstack', 'memory', 'get_password', 'loglevel', 'list_locking_queries', 'slow_queries'].map(
      (page) => ({ target: `/admin/${page}` }),
    ),
})
