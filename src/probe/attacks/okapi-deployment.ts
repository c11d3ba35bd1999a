import { callAttack } from '../call-attack.ts'

export const okapiDeployment = callAttack({
  id: 'okapi-deployment',
  title: 'Okapi’s GET /_/deployment/modules',
  meaning: 'A module learns what runs on Okapi’s node; by POST it would run programs there.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: () => [{ target: '/_/deployment/modules' }],
})
