import { lineTrick } from '../line-trick.ts'

export const duplicateTenantCase = lineTrick({
  id: 'duplicate-tenant-case',
  title: 'two tenants in two cases',
  meaning:
    'Okapi reads the first, RMB the last, Tomcat the first: one is judged, another is served.',
  remedy: 'Refuse what may stand only once and stands twice, before anything else reads it.',
  lines: (_context, honest) => [['x-okapi-tenant', 'supertenant'], ...honest],
})
