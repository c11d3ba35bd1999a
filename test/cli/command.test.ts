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
    'an option of other subcommands: it is not proposed instead of itself',
    ['certs', 'init', '--next', 'x'],
    `okapi-sidecar: error: certs has no option --next
okapi-sidecar: hint: okapi-sidecar help certs shows what it takes
`,
  ],
  [
    'a configuration without -c',
    ['run', 'sidecar.yaml'],
    `okapi-sidecar: error: Unexpected argument 'sidecar.yaml'
okapi-sidecar: hint: the configuration is named by -c sidecar.yaml
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

const NAMES_A_FILE: readonly (readonly string[])[] = [
  ['status', '--from'],
  [
    'init',
    '--operator',
    'a',
    '--for',
    'compose',
    '--out',
    'o',
    '--descriptors',
    'src/demo/descriptors',
    '--install',
  ],
  ['probe', 'https://127.0.0.1:1', '--trust'],
  ['policy', 'matrix', '--descriptors', 'src/demo/descriptors', '--grants'],
  ['policy', 'suggest', '--descriptors', 'src/demo/descriptors', '--from'],
  [
    'discovery',
    '--descriptors',
    'src/demo/descriptors',
    '--okapi',
    'http://127.0.0.1:1',
    '--token-file',
  ],
  ['kafka', 'acls', '--descriptors', 'src/demo/descriptors', '--rules'],
  ['audit', 'verify'],
  ['certs', 'status'],
  ['check', '-c'],
]

for (const argv of NAMES_A_FILE) {
  test(`a file that cannot be read is wrong usage, in one line: ${argv.join(' ')}`, async (t) => {
    for (const file of ['no-such-file', 'test']) {
      const { code, stderr } = await typed([...argv, file])
      t.is(code, 2, stderr)
      t.regex(stderr, /^okapi-sidecar: error: .*(test|no-such-file)/)
      t.notRegex(stderr, /\n +at /)
    }
  })
}

test('a folder given as the configuration: how a folder is checked', async (t) => {
  const { code, stderr } = await typed(['check', '-c', 'test'])
  t.is(code, 2)
  t.regex(stderr, /hint: this is a folder; .* okapi-sidecar check DIR\n/)
})

for (const [title, argv, said] of MISUSED) {
  test(title, async (t) => {
    const { code, stdout, stderr } = await typed(argv)
    t.deepEqual([code, stdout, stderr], [2, '', said])
  })
}
