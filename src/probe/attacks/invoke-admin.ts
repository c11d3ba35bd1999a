import { callAttack } from '../call-attack.ts'

/** ProxyService.redirectProxy re-enters Okapi’s whole router. */
export const invokeAdmin = callAttack({
  id: 'invoke-admin',
  title: '/_/proxy through /_/invoke',
  meaning: 'What is closed at the front is open behind /_/invoke: Okapi reroutes.',
  remedy: 'Judge the path behind /_/invoke as itself; refuse /_/ there whatever is granted.',
  against: 'okapi',
  calls: () => [{ target: '/_/invoke/tenant/supertenant/_/proxy/tenants' }],
})
