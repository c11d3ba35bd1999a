import { lineTrick } from '../line-trick.ts'

export const connectionListedToken = lineTrick({
  id: 'connection-listed-token',
  title: 'Connection: X-Okapi-Token',
  meaning: 'The next hop takes the token off: the call goes on as nobody’s.',
  remedy: 'Refuse a Connection line that names a guarded header.',
  lines: (_context, honest) => [...honest, ['Connection', 'X-Okapi-Token']],
})
