import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { policy, SET } from '../support/policy-verb.ts'
import { MAIN } from '../support/program.ts'
import { typed } from '../support/typed.ts'

test('policy matrix: a caller with nothing open is an answer, and no wrong usage', async (t) => {
  const { stdout, code } = await policy(['matrix', '--descriptors', SET, '--caller', 'plain'])
  t.is(code, 0)
  t.regex(stdout, /nothing is open there/)
})

test('policy matrix: wrong usage', async (t) => {
  const wrong: (readonly [string[], RegExp])[] = [
    [['matrix'], /-c FILE/],
    [['matrix', '--descriptors', SET, '--json', '--csv'], /one of them/],
    [['matrix', '--descriptors', SET, '--blast-radius', 'mod-note'], /did you mean mod-notes\?/],
    [['matrix', '--descriptors', SET, '--blast-radius', 'mod-notes', '--csv'], /text or --json/],
    [
      ['matrix', '--descriptors', SET, '--caller', 'mod-notez'],
      /--caller mod-notez: no caller has this in its name\n.*did you mean mod-notes\?/,
    ],
    [['matrix', '--descriptors', SET, '--caller', 'operator/kate'], /no caller has this/],
    [['matrix', '--descriptors', SET, '--provider', 'MOD-NOTES'], /no provider has this/],
    [['matrix', '--descriptors', SET, '--interface', 'notez'], /did you mean notes\?/],
    [['matrix', '--descriptors', SET, '--html', '/nowhere/x.html'], /cannot write/],
  ]
  for (const [argv, says] of wrong) {
    const { stderr, stdout, code } = await policy(argv)
    t.is(code, 2, argv.join(' '))
    t.regex(stderr, says)
    t.is(stdout, '')
  }
})

test('a pipe that is closed early is no error', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'policy', 'matrix', '--descriptors', SET, '--json'])
  child.stdout.destroy()
  const [errors, code] = await Promise.all([
    text(child.stderr),
    new Promise<number | null>((done) => child.on('close', done)),
  ])
  t.deepEqual([code, errors], [0, ''])
})

test('sentences are as wide as COLUMNS says, within reason', async (t) => {
  const widest = async (columns: string) => {
    const argv = ['policy', 'matrix', '--descriptors', SET, '--blast-radius', 'mod-notes']
    const { stdout } = await typed(argv, { env: { COLUMNS: columns } })
    return Math.max(...stdout.split('\n').map((line) => line.length))
  }
  const [narrow80, wide, wider] = await Promise.all(['80', '120', '500'].map(widest))
  t.true(narrow80! <= 80 && wide! > 80 && wide! <= 120, `${narrow80} ${wide}`)
  t.true(wider! <= 140, `${wider}`)
})
