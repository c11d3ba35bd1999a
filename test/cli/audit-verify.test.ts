import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { LONGEST_ENTRY_BYTES } from '../../src/audit/entry.ts'
import { hashOf, linesOf, placeOf } from '../support/audit.ts'
import { typed } from '../support/typed.ts'

const LINES = linesOf([
  { kind: 'start' },
  { kind: 'exchange', tenant: 'diku' },
  { kind: 'exchange', tenant: 'other' },
  { kind: 'stop' },
])
const { seq, hash } = placeOf(LINES[3]!)
const HEAD = `${seq}:${hash}`

/** Files of a folder of their own, in the order of their texts. */
function files(t: ExecutionContext, ...texts: readonly (string | readonly string[])[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'audit-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return texts.map((text, i) => {
    const file = join(directory, `audit.log.${i}`)
    writeFileSync(file, typeof text === 'string' ? text : `${text.join('\n')}\n`)
    return file
  })
}

const verify = (...argv: readonly string[]) => typed(['audit', 'verify', ...argv])

test('a trail over two files, with its head: exit 0', async (t) => {
  const both = files(t, LINES.slice(0, 2), LINES.slice(2))
  const { code, stdout, stderr } = await verify(...both, '--head', HEAD)
  t.is(code, 0, stderr)
  t.regex(stdout, /^mod-x-1\.0\.0 on pod-1, chain c0ffee00/)
  t.regex(stdout, /\n {2}entries 1 to 4, .*, 1 start\n {2}head 4:[0-9a-f]{64}\n/)
  t.regex(stdout, /\nNothing was changed, and the head is there\.\n$/)
  t.is(stderr, '')
})

test('the files in the wrong order, or one of them missing: exit 1, with file and line', async (t) => {
  const [one = '', two = '', three = ''] = files(t, [LINES[0]!], [LINES[1]!], LINES.slice(2))
  const gap = await verify(one, three)
  t.is(gap.code, 1)
  t.is(gap.stderr, `okapi-sidecar: error: ${three}:1: entry 2 is missing before entry 3\n`)
  t.regex(gap.stdout, /\nThe trail was changed, or is not complete\.\n$/)
  t.is((await verify(two, one, three)).code, 1)
  t.is((await verify(one, two, three)).code, 0)
})

test('without a head it says what cannot be seen', async (t) => {
  const { code, stdout } = await verify(...files(t, LINES.slice(0, 3)))
  t.is(code, 0)
  t.regex(stdout, /No head was given: what was\ncut off at the end cannot be seen\.\n$/)
  const cut = await verify(...files(t, LINES.slice(0, 3)), '--head', HEAD)
  t.is(cut.code, 1)
  t.regex(cut.stderr, /error: entry 4 is not here: the head 4:/)
})

test('heads come from a log of the sidecar', async (t) => {
  const head = (line: string) => {
    const place = placeOf(line)
    return JSON.stringify({ level: 'info', head: `${place.seq}:${place.hash}`, msg: 'audit head' })
  }
  const other = '{"level":"info","msg":"exchange","head":"9:9"}'
  const [trail = '', log = '', forged = '', none = ''] = files(
    t,
    LINES,
    [other, head(LINES[1]!), head(LINES[3]!)],
    [head(LINES[1]!.replace(hashOf(LINES[1]!), 'f'.repeat(64)))],
    [other],
  )
  const { code, stdout } = await verify(trail, '--heads', log)
  t.is(code, 0)
  t.regex(stdout, /all 2 heads are there/)
  const wrong = await verify(trail, '--heads', forged)
  t.is(wrong.code, 1)
  t.regex(wrong.stderr, /entry 2 is not the one that the head/)
  t.is((await verify(trail, '--heads', none)).code, 2)
})

test('as JSON, with what is wrong', async (t) => {
  const [file = ''] = files(t, LINES.toSpliced(1, 1))
  const { code, stdout, stderr } = await verify(file, '--json')
  t.is(code, 1)
  t.is(stderr, '')
  const { ok, chains, problems } = JSON.parse(stdout)
  t.false(ok)
  t.like(chains[0], { module: 'mod-x-1.0.0', first: 1, last: 4, entries: 3 })
  t.like(problems[0], { severity: 'error', where: { file, line: 2 } })
})

test('standard input, among the lines of a log', async (t) => {
  const mixed = LINES.flatMap((line) => ['{"level":"info","msg":"exchange"}', line])
  const input = `${mixed.join('\n')}\n`
  const argv = ['audit', 'verify', '--among-others', '-', '--head', HEAD]
  t.is((await typed(argv, { input })).code, 0)
  const spoilt = await typed(argv, { input: input.replace('diku', 'evil') })
  t.is(spoilt.code, 1)
  t.regex(spoilt.stderr, /error: standard input:4: entry 2 was changed/)
})

test('lines that are longer than any entry are no entries, and take no memory', async (t) => {
  const long = 'x'.repeat(40 * LONGEST_ENTRY_BYTES)
  const [file = ''] = files(t, LINES.toSpliced(2, 0, long))
  const { code, stderr } = await verify(file)
  t.is(code, 1)
  t.regex(stderr, /:3: this is not an entry/)
})

test('wrong usage, and files that cannot be read: exit 2', async (t) => {
  const [file = ''] = files(t, LINES)
  for (const argv of [
    [],
    [`${file}.absent`],
    [file, '--head', '4'],
    [file, '--head', `0:${hash}`],
    [file, '--head', `4:${hash}0`],
    [file, '--heads', `${file}.absent`],
    [file, '--nonsense'],
  ]) {
    const { code, stderr } = await verify(...argv)
    t.is(code, 2, argv.join(' '))
    t.regex(stderr, /^okapi-sidecar: error: /)
  }
  t.is((await typed(['audit', 'verfy'])).code, 2)
})

test('a shell and sha256sum find the same hashes', (t) => {
  const [file = ''] = files(t, LINES)
  const script = `while IFS= read -r line; do
    said=\${line##*\\"hash\\":\\"}
    found=$(printf %s "\${line%,\\"hash\\":*}" | sha256sum)
    [ "\${found%% *}" = "\${said%\\"\\}}" ] && echo same || echo other
  done <"$0"`
  const { stdout, error } = spawnSync('sh', ['-c', script, file], { encoding: 'utf8' })
  t.is(error, undefined)
  t.is(stdout, 'same\n'.repeat(LINES.length))
})
