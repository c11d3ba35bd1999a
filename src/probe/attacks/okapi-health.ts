import { callAttack } from '../call-attack.ts'

export const okapiHealth = callAttack({
  id: 'okapi-health',
  title: 'Okapi’s GET /_/discovery/health',
  meaning: 'A module makes Okapi call every other one.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: () => [{ target: '/_/discovery/health' }],
})
