import { callAttack } from '../call-attack.ts'
import { honest } from '../http.ts'

export const supertenantNamed = callAttack({
  id: 'supertenant-named',
  group: 'tenants',
  title: 'X-Okapi-Tenant: supertenant',
  meaning: 'In the supertenant, Okapi’s administration is often open to all.',
  remedy: 'Refuse supertenant, named or implied, from modules.',
  needs: ['credentials'],
  against: 'okapi',
  calls: (context) => [
    { target: context.ordinaryPath, lines: honest({ ...context, tenant: 'supertenant' }) },
  ],
})
