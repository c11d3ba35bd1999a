import { callAttack } from '../call-attack.ts'

export const methodLowerCase = callAttack({
  id: 'method-lower-case',
  title: 'a method in lower case',
  meaning: 'Frameworks fold the case of methods, the allow-list must not.',
  remedy: 'Judge the method as it is spelled, and refuse what no route declares.',
  as: 'accepted',
  calls: ({ ordinaryPath }) => [{ method: 'get', target: ordinaryPath }],
})
