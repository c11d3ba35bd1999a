import { lineTrick } from '../line-trick.ts'

export const hugeHeader = lineTrick({
  id: 'huge-header',
  title: 'one header line of 128 KiB',
  meaning: 'Memory of the proxy, or of the module, is the attacker’s to spend.',
  remedy: 'Limit the bytes of a head.',
  lines: (_context, honest) => [...honest, ['X-Probe', 'a'.repeat(128 * 1024)]],
})
