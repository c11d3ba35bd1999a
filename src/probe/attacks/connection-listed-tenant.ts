import { lineTrick } from '../line-trick.ts'

export const connectionListedTenant = lineTrick({
  id: 'connection-listed-tenant',
  title: 'Connection: X-Okapi-Tenant',
  meaning: 'The next hop takes the tenant off (RFC 9110 section 7.6.1): supertenant is implied.',
  remedy: 'Refuse a Connection line that names a guarded header.',
  lines: (_context, honest) => [...honest, ['Connection', 'close, X-Okapi-Tenant']],
})
