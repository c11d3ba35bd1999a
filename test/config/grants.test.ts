import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'ava'
import { located } from '../../src/config/document.ts'
import { readGrants } from '../../src/config/grants.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Fault, sentence } from '../../src/fault.ts'

const HEAD = 'module: mod-a-1.0.0\ntrustDomain: folio.test\negress: {}\n'

function file(name: string, text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'sidecar-grants-')), name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

function problemsOf(read: () => unknown, path: string): string[] {
  try {
    read()
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.problems.map((problem) => sentence(problem).replace(`${path}:`, '').trim())
  }
}

test('grants are distinguished from files of grants, each grant with its position', (t) => {
  const config = file(
    'sidecar.yaml',
    `${HEAD}policy:
  grants:
    - ./grants.yaml
    - { caller: mod-a, at: okapi, interface: x, why: w, until: 2027-01-31 }
`,
  )
  const { inline, files } = loadConfig(config, {}).config.policy.grants
  t.deepEqual(inline, [
    {
      value: { caller: 'mod-a', at: 'okapi', interface: 'x', why: 'w', until: '2027-01-31' },
      file: config,
      pointer: '/policy/grants/1',
    },
  ])
  t.deepEqual(files, [join(dirname(config), 'grants.yaml')])
})

test('grants from the environment name their variable', (t) => {
  const variable = 'SIDECAR_POLICY_GRANTS'
  const env = { [variable]: '[{"caller":"mod-a","at":"okapi","interface":"x","why":"w"}]' }
  const [clause] = loadConfig(file('sidecar.yaml', HEAD), env).config.policy.grants.inline
  t.is(clause?.file, variable)
  t.is(clause?.pointer, '/0')
})

test('a grant without a reason, with an unknown key or a day that does not exist', (t) => {
  const path = file(
    'sidecar.yaml',
    `${HEAD}policy:
  grants:
    - { caller: a, at: b, interfce: c, why: w }
    - { caller: a, at: b, interface: c, why: ' ' }
    - { caller: a, at: b, interface: c, why: w, until: 2027-02-30 }
    - { caller: a, at: b, why: w, path: x }
`,
  )
  const problems = problemsOf(() => loadConfig(path, {}), path)
  t.is(problems.length, 4)
  t.is(problems[0], '6:27: unknown key `interfce` in `policy.grants.0`')
  t.is(problems[1], '7:46: `policy.grants.1.why` must not be empty')
  t.regex(problems[2] ?? '', /^8:56: `policy.grants.2.until` must be a date/)
  t.regex(problems[3] ?? '', /^9:41: `policy.grants.3.path`/)
})

test('a file of grants that others may write is refused', (t) => {
  const grants = file('grants.yaml', '[]')
  const path = file('sidecar.yaml', `${HEAD}policy: { grants: ${grants} }\n`)
  t.notThrows(() => loadConfig(path, {}))
  chmodSync(grants, 0o666)
  t.deepEqual(
    problemsOf(() => loadConfig(path, {}), grants),
    ['others may write this (mode 0666)'],
  )
})

test('the grants of files follow those of the configuration', (t) => {
  const grants = file('grants.yaml', '- { caller: mod-b }\n- 7\n')
  const own = { value: {}, file: 'sidecar.yaml', pointer: '/policy/grants/0' }
  t.deepEqual(readGrants({ inline: [own], files: [grants] }), [
    own,
    { value: { caller: 'mod-b' }, file: grants, pointer: '/0' },
    { value: 7, file: grants, pointer: '/1' },
  ])
})

test('a file of grants that is absent, no list, no YAML, or open to others', (t) => {
  const problems = (path: string) =>
    problemsOf(() => readGrants({ inline: [], files: [path] }), path)
  t.regex(problems(join(tmpdir(), 'no-such-grants.yaml'))[0] ?? '', /ENOENT/)
  t.deepEqual(problems(file('g.yaml', 'caller: a\n')), [
    '1:1: a file of grants or rules is a list of them',
  ])
  t.regex(problems(file('g.yaml', '- [\n'))[0] ?? '', /^\d+:\d+: /)
  const open = file('grants.yaml', '[]')
  chmodSync(open, 0o666)
  t.deepEqual(problems(open), ['others may write this (mode 0666)'])
})

test('a pointer into a file becomes a line and a column', (t) => {
  const path = file('mod-a.json', '{\n  "id": "mod-a-1.0.0",\n  "a/b": [1, {"c~": 2}]\n}\n')
  const at = (pointer: string, name = path) =>
    located([{ severity: 'error', message: 'm', where: { file: name, pointer } }])[0]?.where
  t.deepEqual(at('/id'), { file: path, line: 2, column: 9 })
  t.deepEqual(at('/a~1b/1/c~0'), { file: path, line: 3, column: 21 })
  t.deepEqual(at('/gone/0'), { file: path, line: 1, column: 1 })
  t.deepEqual(at('/x', '/no/such/file'), { file: '/no/such/file', pointer: '/x' })
})
