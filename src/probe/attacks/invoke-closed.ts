import { callAttack } from '../call-attack.ts'

export const invokeClosed = callAttack({
  id: 'invoke-closed',
  title: 'a closed interface through /_/invoke',
  meaning: 'What is closed at the front is open behind /_/invoke: Okapi reroutes.',
  remedy: 'Judge the path behind /_/invoke as itself.',
  needs: ['credentials'],
  against: 'okapi',
  calls: ({ tenant, closedPath }) => [{ target: `/_/invoke/tenant/${tenant}${closedPath}` }],
})
