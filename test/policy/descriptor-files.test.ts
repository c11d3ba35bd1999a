import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { readGrants } from '../../src/config/grants.ts'
import { Fault } from '../../src/fault.ts'
import { compilePolicy } from '../../src/policy/compiled-policy.ts'
import { KNOWN_GRANTS_FILE, loadDescriptors } from '../../src/policy/descriptor-files.ts'
import { readGrantRules } from '../../src/policy/grants.ts'
import { loadPolicy } from '../../src/policy/load-policy.ts'
import { descriptorsFor, packDescriptors } from '../../src/policy/packed-descriptors.ts'
import { ask, FIXTURE_VALUES, findings, word } from './tools.ts'

const FIXTURES = fileURLToPath(new URL('../fixtures/descriptors', import.meta.url))
const OLD_PACKED = fileURLToPath(new URL('../fixtures/packed/version-0.1.0.json', import.meta.url))

async function folder(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const path = await mkdtemp(join(tmpdir(), 'policy-'))
  t.teardown(() => rm(path, { recursive: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return path
}

function refused(t: ExecutionContext, load: () => unknown): string {
  const error = t.throws(load, { instanceOf: Fault })
  return error?.message ?? ''
}

test('a byte order mark changes nothing, in a folder and in a packed file', async (t) => {
  const json = '{"id": "mod-a-1.0.0"}'
  const plain = loadDescriptors(await folder(t, { 'a.json': json })).set
  const marked = await folder(t, { 'a.json': `\ufeff${json}` })
  t.is(loadDescriptors(marked).set.hash, plain.hash)
  const one = await folder(t, { packed: `\ufeff${JSON.stringify(packDescriptors(plain))}` })
  t.is(loadDescriptors(join(one, 'packed')).set.hash, plain.hash)
})

test('a descriptor in UTF-16 is named, with what to do', async (t) => {
  const path = await folder(t, {})
  await writeFile(join(path, 'a.json'), Buffer.from('\ufeff{"id": "mod-a-1.0.0"}', 'utf16le'))
  t.is(
    refused(t, () => loadDescriptors(path)),
    `${join(path, 'a.json')}: this is UTF-16`,
  )
})

test('loads a folder, in the order of ids, whatever else lies there', async (t) => {
  const path = await folder(t, {
    'z.json': '{"id": "mod-a-1.0.0"}',
    'a.json': '{"id": "mod-b-1.0.0"}',
    'SOURCES.md': 'not JSON',
    '.hidden.json': 'not JSON',
  })
  const { set, warnings } = loadDescriptors(path)
  t.deepEqual([...set.modules.keys()], ['mod-a-1.0.0', 'mod-b-1.0.0'])
  t.is(set.modules.get('mod-a-1.0.0')!.file, 'z.json')
  t.deepEqual(warnings, [])
})

test('two versions load side by side, the same full id twice names both files', async (t) => {
  const path = await folder(t, {
    'a.json': '{"id": "mod-a-1.0.0"}',
    'b.json': '{"id": "mod-a-1.0.1"}',
  })
  t.is(loadDescriptors(path).set.modules.size, 2)
  await writeFile(join(path, 'c.json'), '{"id": "mod-a-1.0.0"}')
  const message = refused(t, () => loadDescriptors(path))
  t.true(message.includes(join(path, 'a.json')), message)
  t.true(message.includes(`${join(path, 'c.json')}#/id`), message)
})

test('says where JSON goes wrong, of every file at once', async (t) => {
  const path = await folder(t, {
    'a.json': '{\n  "id": }\n',
    'b.json': '{"id":\n',
    'c.json': '{"id": 7}',
    'd.json': '',
  })
  const message = refused(t, () => loadDescriptors(path))
  t.true(message.includes(`${join(path, 'a.json')}:2:9: this is not JSON`), message)
  t.true(message.includes(`${join(path, 'b.json')}:2:1: this is not JSON`), message)
  t.true(message.includes(`${join(path, 'd.json')}:1:1: this is not JSON`), message)
})

test('says where a descriptor is wrong', async (t) => {
  const path = await folder(t, { 'c.json': '{"id": "mod-a-1.0.0", "provides": [{}]}' })
  const message = refused(t, () => loadDescriptors(path))
  t.true(message.includes(`${join(path, 'c.json')}#/provides/0/id: id must be`), message)
})

test('an empty folder and an absent one are errors', async (t) => {
  const path = await folder(t, { 'README.md': '' })
  t.regex(
    refused(t, () => loadDescriptors(path)),
    /holds no \*\.json/,
  )
  t.regex(
    refused(t, () => loadDescriptors(join(path, 'absent'))),
    /there is no /,
  )
  await writeFile(join(path, 'list.json'), '[]')
  t.regex(
    refused(t, () => loadDescriptors(join(path, 'list.json'))),
    /holds no descriptor/,
  )
})

test('a file that was packed by version 0.1.0 can be read, so that an upgrade needs no other file', (t) => {
  // Never write this file anew: if this test is red, every sidecar with a packed policy stops starting.
  const { set } = loadDescriptors(OLD_PACKED)
  t.is(set.hash, JSON.parse(readFileSync(OLD_PACKED, 'utf8')).hash)
  t.deepEqual([...set.modules.keys()], ['mod-old-1.0.0-SNAPSHOT.1'])
})

test('a packed file decides as the folder does, and is checked', async (t) => {
  const whole = loadDescriptors(FIXTURES)
  const packed = JSON.stringify(packDescriptors(whole.set))
  const raw = JSON.stringify(FIXTURE_VALUES)
  t.true(packed.length < raw.length * 0.8, `${packed.length} of ${raw.length}`)
  const path = await folder(t, { 'all.json': packed, 'list.json': raw })
  const again = loadDescriptors(join(path, 'all.json')).set
  t.is(again.hash, whole.set.hash)
  // What routes ask of a token decides nothing here, and is left out.
  const cut = (modules: typeof again.modules) =>
    JSON.stringify([...modules], (key, value) => (key === 'permissionsRequired' ? [] : value))
  t.is(cut(again.modules), cut(whole.set.modules))
  t.is(loadDescriptors(join(path, 'list.json')).set.hash, whole.set.hash)
  await writeFile(join(path, 'all.json'), packed.replace('"/tags"', '"/*"'))
  t.regex(
    refused(t, () => loadDescriptors(join(path, 'all.json'))),
    /not what its hash says/,
  )
  await writeFile(join(path, 'all.json'), packed.replace('descriptors/1', 'descriptors/2'))
  t.regex(
    refused(t, () => loadDescriptors(join(path, 'all.json'))),
    /not a file of format/,
  )
})

test('the part for one module decides its calls as the whole does', (t) => {
  const { set } = loadDescriptors(FIXTURES)
  const part = descriptorsFor(set, 'mod-notes-8.1.0')
  t.deepEqual([...part.modules.keys()], ['mod-notes-8.1.0', 'mod-users-19.7.0'])
  t.not(part.hash, set.hash)
  const decide = (descriptors: typeof set) => {
    const { policy } = compilePolicy({ descriptors, own: 'mod-notes-8.1.0' })
    const paths = ['/users/1', '/notes', '/notes/1/2', '/_/proxy/tenants']
    const asked = paths.map((path) => word(ask(policy!, { caller: 'mod-notes-8.1.0', path })))
    const at = { caller: 'okapi-7.2.0', at: 'mod-notes-8.1.0' }
    return [...asked, ...paths.map((path) => word(ask(policy!, { ...at, path })))]
  }
  t.deepEqual(decide(part), decide(set))
  t.throws(() => descriptorsFor(set, 'mod-nobody-1.0.0'), { instanceOf: Fault })
})

test('the part for one module knows who calls it, and what for', (t) => {
  const { set } = loadDescriptors(FIXTURES)
  const grant = { caller: 'mod-tags', at: 'okapi', interface: 'users', why: 'w' }
  const grants = readGrantRules([{ value: grant, file: 'f', pointer: '/0' }], [])
  const short = ({ modules }: typeof set) =>
    [...modules].map(([id, { descriptor }]) => `${id} ${descriptor.provides.length > 0}`)
  const callers = [...set.modules].filter(([, { descriptor }]) =>
    [...descriptor.requires, ...descriptor.optional].some(({ id }) =>
      ['users', 'custom-fields', 'user-tenants'].includes(id),
    ),
  )
  const wanted = callers.map(([id]) => `${id} false`)
  const part = short(descriptorsFor(set, 'mod-users-19.7.0'))
  t.true(wanted.length > 2)
  for (const each of wanted) t.true(part.includes(each), each)
  t.false(part.some((each) => each.startsWith('mod-tags')))
  const granted = short(descriptorsFor(set, 'mod-users-19.7.0', grants))
  t.deepEqual(
    granted.filter((each) => !part.includes(each)),
    ['mod-tags-3.1.0 false'],
  )
  t.is(descriptorsFor(set, 'mod-authtoken-2.18.0'), set)
})

test('the hash follows everything that decides', (t) => {
  const { set } = loadDescriptors(FIXTURES)
  const hash = (more: object) => compilePolicy({ descriptors: set, ...more }).policy!.hash
  const grant = { caller: 'mod-tags', at: 'okapi', interface: 'users', why: 'w' }
  const clause = { value: grant, file: 'f', pointer: '/0' }
  const hashes = [
    hash({}),
    hash({ mode: 'report' }),
    hash({ grants: [clause] }),
    hash({ known: [clause], knownGrants: ['mod-tags'] }),
    hash({ sensitivity: { users: 'low' } }),
    hash({ reported: ['users'] }),
    hash({ quarantine: [{ ...clause, value: { module: 'mod-notes', why: 'w' } }] }),
    compilePolicy({ descriptors: descriptorsFor(set, 'mod-tags-3.1.0') }).policy!.hash,
  ]
  t.is(new Set(hashes).size, hashes.length)
  t.is(hash({}), hash({ known: [clause] }))
})

test('a policy with an error is not handed out', (t) => {
  const rules = {
    descriptors: FIXTURES,
    mode: 'enforce' as const,
    report: [],
    known: [],
    knownGrants: [],
    quarantine: [],
    pathExceptions: [],
    sensitivity: {},
  }
  t.is(loadPolicy({ ...rules, grants: [] }).policy.mode, 'enforce')
  const grants = [{ value: {}, file: 'grants.yaml', pointer: '/0' }]
  t.regex(
    refused(t, () => loadPolicy({ ...rules, grants })),
    /^grants\.yaml#\/0: caller must/,
  )
  const own = { own: 'mod-absent-1.0.0' }
  t.regex(
    refused(t, () => loadPolicy({ ...rules, grants: [] }, own)),
    /no descriptor of mod-absent-1.0.0 itself/,
  )
  t.truthy(loadPolicy({ ...rules, grants: [] }, { own: 'okapi-9.9.9' }).policy)
})

test('the grants that ship can be read, each with its source', async (t) => {
  const known = readGrants({ inline: [], files: [KNOWN_GRANTS_FILE] })
  t.true(known.length > 5)
  for (const { value } of known) t.regex((value as { source: string }).source, /^(mod|edge)-.+: /)
  const names = known.map(({ value }) => {
    const { set, caller } = value as { set?: string; caller: string }
    return set ?? caller
  })
  const { set } = loadDescriptors(FIXTURES)
  const knownGrants = [...new Set(names)]
  const { policy, problems } = compilePolicy({ descriptors: set, known, knownGrants })
  t.deepEqual(
    findings(problems).filter((finding) => finding.startsWith('error')),
    [],
  )
  const asked = { caller: 'mod-authtoken-2.18.0', path: '/user-tenants?limit=1', tenant: 'diku' }
  t.is(word(ask(policy!, asked)), 'grant')
  const admin = { ...asked, path: '/perms/permissions?query=x', tenant: 'supertenant' }
  t.is(word(ask(policy!, admin)), 'requires')
  t.false((await readFile(KNOWN_GRANTS_FILE, 'utf8')).includes('*'))
})

const { DESCRIPTORS_DIR: real } = process.env

test('a whole installation compiles without a complaint', (t) => {
  if (real === undefined) {
    console.log('skipped: DESCRIPTORS_DIR is not set, no real descriptors were read')
    t.pass()
    return
  }
  const { set, warnings } = loadDescriptors(real)
  t.true(set.modules.size > 20)
  t.deepEqual(warnings, [])
  const { policy, problems } = compilePolicy({ descriptors: set })
  t.deepEqual(problems, [])
  const asked = { caller: 'mod-notes-8.1.0-SNAPSHOT', path: '/users/1', tenant: 'diku' }
  t.is(word(ask(policy!, asked)), 'requires')
  const rogue = { caller: 'mod-tags-3.1.0-SNAPSHOT', path: '/users/1', tenant: 'diku' }
  t.is(word(ask(policy!, rogue)), 'interface-not-required')
})

test('a folder that cannot be read, since no file may be opened any more, is a Fault', async (t) => {
  const path = await folder(t, { 'a.json': '{"id": "mod-a-1.0.0"}' })
  const loader = new URL('../../src/policy/descriptor-files.ts', import.meta.url).href
  // A sidecar that reads its policy again ends by everything but a Fault.
  const script = `
    import { openSync } from 'node:fs'
    import { loadDescriptors } from ${JSON.stringify(loader)}
    try { for (;;) openSync('/dev/null') } catch {}
    try { loadDescriptors(${JSON.stringify(path)}) } catch ({ name, message }) {
      process.stdout.write(name + ' ' + message)
    }`
  const node = [process.execPath, '--input-type=module', '-e', script]
  const { stdout } = spawnSync('prlimit', ['--nofile=100:100', ...node], { encoding: 'utf8' })
  t.is(stdout, `Fault cannot read ${path}: EMFILE`)
})
