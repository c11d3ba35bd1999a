import { callAttack } from '../call-attack.ts'

export const methodTrace = callAttack({
  id: 'method-trace',
  title: 'TRACE',
  meaning: 'The answer shows the headers that a proxy added, tokens among them.',
  remedy: 'Judge the method as it is spelled, and refuse what no route declares.',
  as: 'accepted',
  calls: ({ ordinaryPath }) => [{ method: 'TRACE', target: ordinaryPath }],
})
