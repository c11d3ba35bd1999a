import { lineTrick } from '../line-trick.ts'

export const obsFold = lineTrick({
  id: 'obs-fold',
  title: 'a folded header line',
  meaning: 'RFC 9112 section 5.2: one reader joins the lines, another sees a new one.',
  remedy: 'Refuse folded lines.',
  lines: (_context, honest) => [...honest, ['X-Probe', 'a\r\n X-Okapi-Tenant: supertenant']],
})
