import { lineTrick } from '../line-trick.ts'

export const duplicateTenant = lineTrick({
  id: 'duplicate-tenant',
  title: 'two X-Okapi-Tenant lines',
  meaning:
    'Okapi reads the first, RMB the last, Tomcat the first: one is judged, another is served.',
  remedy: 'Refuse what may stand only once and stands twice, before anything else reads it.',
  lines: (_context, honest) => [...honest, ['X-Okapi-Tenant', 'supertenant']],
})
