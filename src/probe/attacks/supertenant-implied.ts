import { callAttack } from '../call-attack.ts'
import { honest } from '../http.ts'

/** ProxyService.parseTokenAndPopulateContext. */
export const supertenantImplied = callAttack({
  id: 'supertenant-implied',
  group: 'tenants',
  title: 'no tenant at all',
  meaning: 'Without header and token Okapi takes the supertenant.',
  remedy: 'Refuse supertenant, named or implied, from modules.',
  needs: ['credentials'],
  against: 'okapi',
  calls: (context) => [
    {
      target: context.ordinaryPath,
      lines: honest(context).filter(([name]) => !/^X-Okapi-T/.test(name)),
    },
  ],
})
