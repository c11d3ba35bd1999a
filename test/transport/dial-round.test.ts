import test from 'ava'
import { refuse } from '../../src/refusal/refusal.ts'
import { DialRound } from '../../src/transport/dial-round.ts'

const OPTIONS = { whenUnreachable: 'upstream-unreachable', connectWaitMs: 0 } as const

test('one address flooded: that is the end, unless another could not be tried', (t) => {
  const round = new DialRound()
  round.flooded = refuse('upstream-malformed', '10.1.2.3:8443 is left alone')
  t.is(round.ending(null, false, OPTIONS), round.flooded)
  round.shortage = 'no file descriptor is left'
  t.is(round.ending(null, false, OPTIONS), null)
  t.is(round.ending(null, true, OPTIONS)?.reason, 'overloaded')
  const last = refuse('module-unavailable', 'it is gone')
  t.is(round.ending(last, false, OPTIONS)?.reason, 'module-unavailable')
})
