import { lineTrick } from '../line-trick.ts'

export const nulInValue = lineTrick({
  id: 'nul-in-value',
  title: 'a NUL in a header value',
  meaning: 'C strings end there: one reader sees another value (RFC 9110 section 5.5).',
  remedy: 'Refuse NUL, CR and LF in values.',
  lines: (_context, honest) => [...honest, ['X-Probe', 'a\0b']],
})
