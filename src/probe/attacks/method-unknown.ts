import { callAttack } from '../call-attack.ts'

export const methodUnknown = callAttack({
  id: 'method-unknown',
  title: 'a method that nobody knows',
  meaning: 'A framework runs a default handler for it.',
  remedy: 'Judge the method as it is spelled, and refuse what no route declares.',
  as: 'accepted',
  calls: ({ ordinaryPath }) => [{ method: 'PROBE', target: ordinaryPath }],
})
