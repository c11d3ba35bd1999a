import { callAttack } from '../call-attack.ts'

export const methodOptions = callAttack({
  id: 'method-options',
  title: 'OPTIONS where only GET is declared',
  meaning: 'A method that nobody declared is answered: it tells what else there is.',
  remedy: 'Judge the method as it is spelled, and refuse what no route declares.',
  as: 'accepted',
  calls: ({ ordinaryPath }) => [{ method: 'OPTIONS', target: ordinaryPath }],
})
