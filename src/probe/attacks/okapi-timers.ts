import { callAttack } from '../call-attack.ts'

export const okapiTimers = callAttack({
  id: 'okapi-timers',
  title: 'Okapi’s GET …/timers',
  meaning: 'A module reads, and by PATCH changes, when the jobs of others run.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: ({ tenant }) => [{ target: `/_/proxy/tenants/${tenant}/timers` }],
})
