import { lineTrick } from '../line-trick.ts'

export const manyHeaders = lineTrick({
  id: 'many-headers',
  title: 'two thousand header lines',
  meaning: 'Time of the proxy, or of the module, is the attacker’s to spend.',
  remedy: 'Limit the number of header lines.',
  lines: (_context, honest) => [
    ...honest,
    ...Array.from({ length: 2000 }, (_, i) => [`X-Probe-${i}`, 'a'] as const),
  ],
})
