import { lineTrick } from '../line-trick.ts'

export const badName = lineTrick({
  id: 'bad-name',
  title: 'a name with a byte that none may have',
  meaning: 'Readers cut the name there, or drop the line.',
  remedy: 'Refuse names that are not tokens (RFC 9110 section 5.1).',
  lines: (_context, honest) => [...honest, ['X-Okapi\x01Tenant', 'supertenant']],
})
