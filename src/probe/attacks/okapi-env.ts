import { callAttack } from '../call-attack.ts'

export const okapiEnv = callAttack({
  id: 'okapi-env',
  title: 'Okapi’s GET /_/env',
  meaning: 'The environment of all modules is read, database passwords among it.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: () => [{ target: '/_/env' }],
})
