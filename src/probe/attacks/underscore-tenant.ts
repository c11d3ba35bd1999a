import { lineTrick } from '../line-trick.ts'

export const underscoreTenant = lineTrick({
  id: 'underscore-tenant',
  title: 'X_Okapi_Tenant with underscores',
  meaning: 'CGI and WSGI servers read `_` as `-`: a header that nobody judged arrives.',
  remedy: 'Refuse names with `_` that read as a guarded name.',
  lines: (_context, honest) => [...honest, ['X_Okapi_Tenant', 'supertenant']],
})
