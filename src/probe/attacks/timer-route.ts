import { callAttack } from '../call-attack.ts'

export const timerRoute = callAttack({
  id: 'timer-route',
  title: 'a timer route',
  meaning: 'One module starts the nightly jobs of another whenever it likes.',
  remedy: 'Only Okapi may call system interfaces, and only those that are declared.',
  against: 'module',
  calls: ({ timerPath }) => [{ method: 'POST', target: timerPath, body: '' }],
})
