import { callAttack } from '../call-attack.ts'

export const undeclaredRoute = callAttack({
  id: 'undeclared-route',
  title: 'a route that no descriptor declares',
  meaning: 'Everything a module happens to serve can be called, whatever was reviewed.',
  remedy: 'Close every route that the module’s own descriptor does not declare.',
  against: 'module',
  as: 'accepted',
  calls: () => [{ target: '/okapi-sidecar-probe/undeclared' }],
})
