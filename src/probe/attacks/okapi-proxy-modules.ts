import { callAttack } from '../call-attack.ts'

export const okapiProxyModules = callAttack({
  id: 'okapi-proxy-modules',
  title: 'Okapi’s GET /_/proxy/modules',
  meaning: 'A module reads which modules there are, in which versions.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: () => [{ target: '/_/proxy/modules' }, { target: '/_/proxy/modules?full=true' }],
})
