import { callAttack } from '../call-attack.ts'

export const methodConnect = callAttack({
  id: 'method-connect',
  title: 'CONNECT to another host',
  meaning: 'The target becomes a tunnel into its own network.',
  remedy: 'Refuse CONNECT.',
  as: 'accepted',
  calls: ({ target }) => [{ method: 'CONNECT', target: `127.0.0.1:${target.port}` }],
})
