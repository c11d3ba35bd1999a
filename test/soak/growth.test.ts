import { spawnSync } from 'node:child_process'
import test from 'ava'
import { growthOf, isUnbounded, type Sample } from '../../soak/growth.ts'

const MIB = 1024 * 1024

/** A minute, looked at twice a second. */
function samples(bytes: (seconds: number) => number): Sample[] {
  return Array.from({ length: 120 }, (_, i) => ({ at: i / 2, bytes: bytes(i / 2) }))
}

test('a heap that goes up and down does not grow, one that leaks does', (t) => {
  const noisy = samples((at) => 40 * MIB + (at % 2 === 0 ? 6 * MIB : 0))
  t.false(isUnbounded(noisy))
  const leaks = samples((at) => 40 * MIB + at * 0.5 * MIB)
  t.true(isUnbounded(leaks))
  t.is(Math.round(growthOf(leaks).perMinute / MIB), 30)
})

test('warming up does not count as growth', (t) => {
  t.false(isUnbounded(samples((at) => Math.min(60, 20 + at * 4) * MIB)))
})

test('too few samples show no growth', (t) => {
  t.deepEqual(growthOf([]), { perMinute: 0, whole: 0 })
  t.deepEqual(growthOf([{ at: 0, bytes: 1 }]), { perMinute: 0, whole: 0 })
})

test('wrong usage ends with 2', (t) => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['soak/run.ts', ...args], { encoding: 'utf8' })
  for (const args of [
    ['--minutes', 'many'],
    ['--minutes', '0'],
    ['--workers', '0'],
    ['--workers', '1.5'],
    ['--hours', '1'],
  ]) {
    const { status, stderr } = run(...args)
    t.is(status, 2, args.join(' '))
    t.regex(stderr, /^soak: error: /)
  }
  t.regex(run('--help').stdout, /Usage: npm run soak/)
})
