import test from 'ava'
import { tokensText } from '../../src/observe/status/words.ts'
import type { TokenMemory } from '../../src/observe/token-memory.ts'

const NOW = Date.UTC(2026, 10, 29, 12)
const MEMORY: TokenMemory = {
  mode: 'enforce',
  graceUntilMs: null,
  lifeMs: 86_400_000,
  perModule: 16_384,
  modules: 2,
  tokens: 30,
  forgotten: 0,
  unknown: 4,
  bytes: 1_000_000,
  fullest: [],
}

test('one sentence: how full it is, what becomes of others, until when there is a grace', (t) => {
  const told = (over: Partial<TokenMemory>) => tokensText({ ...MEMORY, ...over })
  t.is(
    told({}),
    '30 of 2 modules remembered for 24 hours (at least 16384 per module), others are refused; 4 unknown ones since the start',
  )
  t.regex(told({ mode: 'report' }), /others are only reported;/)
  t.regex(told({ graceUntilMs: NOW }), /only reported until 2026-11-29 12:00 UTC;/)
  t.regex(told({ forgotten: 3 }), /3 forgotten early \(policy.tokensPerModule\)/)
  t.regex(told({ fullest: [{ name: 'mod-a-1.0.0', tokens: 20 }] }), /; most: mod-a-1.0.0 20$/)
})
