import test from 'ava'
import { typed } from '../support/typed.ts'

const MISUSED: readonly (readonly [string, readonly string[], string])[] = [
  [
    'a mistyped option: the one that was meant, and the verb to ask for help',
    ['check', '--confg', 'x'],
    `okapi-sidecar: error: check has no option --confg
okapi-sidecar: hint: did you mean --config? okapi-sidecar help check shows what it takes
`,
  ],
  [
    'an option that is like no other',
    ['audit', 'verify', '-q'],
    `okapi-sidecar: error: audit has no option -q
okapi-sidecar: hint: okapi-sidecar help audit shows what it takes
`,
  ],
  [
    'an option without its value',
    ['check', '-c'],
    `okapi-sidecar: error: Option '-c, --config <value>' argument missing
okapi-sidecar: hint: okapi-sidecar help check shows what it takes
`,
  ],
]

for (const [title, argv, said] of MISUSED) {
  test(title, async (t) => {
    const { code, stdout, stderr } = await typed(argv)
    t.deepEqual([code, stdout, stderr], [2, '', said])
  })
}
