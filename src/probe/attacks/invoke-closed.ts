import { callAttack } from '../call-attack.ts'
import { closedTo } from '../context.ts'

export const invokeClosed = callAttack({
  id: 'invoke-closed',
  title: 'a closed interface through /_/invoke',
  meaning: 'What is closed at the front is open behind /_/invoke: Okapi reroutes.',
  remedy: 'Judge the path behind /_/invoke as itself.',
  needs: ['credentials', 'closed'],
  against: 'okapi',
  calls: (context) => [{ target: `/_/invoke/tenant/${context.tenant}${closedTo(context)}` }],
})
