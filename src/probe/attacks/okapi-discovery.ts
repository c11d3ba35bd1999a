import { callAttack } from '../call-attack.ts'

export const okapiDiscovery = callAttack({
  id: 'okapi-discovery',
  title: 'Okapi’s GET /_/discovery/modules',
  meaning: 'A module learns where every other one listens; by POST it would take their place.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: () => [{ target: '/_/discovery/modules' }, { target: '/_/discovery/nodes' }],
})
