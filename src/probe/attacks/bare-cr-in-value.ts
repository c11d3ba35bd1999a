import { lineTrick } from '../line-trick.ts'

export const bareCrInValue = lineTrick({
  id: 'bare-cr-in-value',
  title: 'a bare CR in a header value',
  meaning: 'RFC 9112 section 2.2: one reader ends the line there.',
  remedy: 'Refuse a CR that no LF follows.',
  lines: (_context, honest) => [...honest, ['X-Probe', 'a\rX-Okapi-Tenant: supertenant']],
})
