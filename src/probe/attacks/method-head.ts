import { callAttack } from '../call-attack.ts'

/** RoutingEntry: HEAD is not implied by GET. */
export const methodHead = callAttack({
  id: 'method-head',
  title: 'HEAD where only GET is declared',
  meaning: 'A method that nobody declared runs the handler of another.',
  remedy: 'Judge the method as it is spelled, and refuse what no route declares.',
  as: 'accepted',
  calls: ({ ordinaryPath }) => [{ method: 'HEAD', target: ordinaryPath }],
})
