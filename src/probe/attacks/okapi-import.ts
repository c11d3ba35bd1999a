import { callAttack } from '../call-attack.ts'

export const okapiImport = callAttack({
  id: 'okapi-import',
  title: 'Okapi’s POST /_/proxy/import/modules',
  meaning: 'A module brings in descriptors, and with them routes to itself.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: () => [{ method: 'POST', target: '/_/proxy/import/modules', body: '[]' }],
})
