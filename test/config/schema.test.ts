import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { keysIn } from '../../src/config/keys.ts'
import { loadConfig } from '../../src/config/load.ts'
import { fileSchema, jsonSchema } from '../../src/config/schema.ts'

const ROOT = join(import.meta.dirname, '..', '..')

test('the published schema is current', (t) => {
  const hint = 'run: node scripts/schema.ts'
  t.is(readFileSync(join(ROOT, 'sidecar.schema.json'), 'utf8'), jsonSchema(), hint)
})

test('no section of the published schema takes unknown keys', (t) => {
  const open: string[] = []
  const visit = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return
    if ('properties' in value && 'type' in value) {
      if (!('additionalProperties' in value) || value.additionalProperties !== false) open.push(at)
    }
    for (const [key, inner] of Object.entries(value)) visit(inner, `${at}/${key}`)
  }
  visit(JSON.parse(jsonSchema()), '')
  t.deepEqual(open, [])
})

// A checkout takes the umask of its user; a configuration that a group may write is refused.
test('the examples are configurations', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-examples-'))
  const examples = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.yaml'))
  t.deepEqual(examples.toSorted(), ['edge.yaml', 'module.yaml', 'okapi.yaml'])
  for (const example of examples) {
    const file = join(folder, example)
    copyFileSync(join(ROOT, 'examples', example), file)
    chmodSync(file, 0o644)
    t.deepEqual(loadConfig(file, {}).problems, [], example)
  }
})

test('every default is one that the schema itself accepts', (t) => {
  const parsed = fileSchema().safeParse({
    module: 'okapi-7.2.0',
    trustDomain: 'a.b',
    ingress: {},
    egress: { modules: {} },
  })
  t.true(parsed.success, parsed.success ? undefined : parsed.error.message)
  t.true(keysIn(fileSchema()).length > 40)
})

test('what X-Okapi-Url becomes is an origin, with a path where Okapi’s has one', (t) => {
  const accepts = (url: string) =>
    fileSchema().safeParse({ module: 'mod-a-1.0.0', trustDomain: 'a.b', egress: { url } }).success
  const origin = 'http://localhost:9130'
  for (const right of ['', '/', '/okapi', '/okapi/', '/a/b-c_d.e~1'])
    t.true(accepts(origin + right))
  const wrong = ['//', '/..', '/a/../b', '/.', '/a//', '/a%2fb', '/a;b', '/a?b', '/a#b', '/a b']
  for (const path of wrong) t.false(accepts(origin + path), path)
  for (const url of ['', 'localhost', '/okapi', 'ftp://a/b', 'http:///a'])
    t.false(accepts(url), url)
})

test('a trust domain is what SPIFFE allows', (t) => {
  const accepts = (trustDomain: string) =>
    fileSchema().safeParse({ module: 'mod-a-1.0.0', trustDomain, ingress: {} }).success
  for (const right of ['a', 'folio.example.org', 'a-b_c.1']) t.true(accepts(right), right)
  const wrong = [
    '',
    'Folio',
    'a/b',
    'a:1',
    'a b',
    'ä',
    'spiffe://a',
    'a%2e',
    'a\n',
    'a'.repeat(256),
  ]
  for (const text of wrong) t.false(accepts(text), text)
})

test('module ids are whole ones that fit into a certificate', (t) => {
  const accepts = (module: string) =>
    fileSchema().safeParse({ module, trustDomain: 'a', ingress: {} }).success
  for (const right of ['mod-users-19.7.0', 'okapi-7.2.0-SNAPSHOT.12', 'mod-2fa-1.0.0'.slice(4)]) {
    t.true(accepts(right), right)
  }
  const wrong = [
    'mod-users',
    'mod-users-',
    '-1.0.0',
    'mod-users-1.x',
    'mod users-1.0.0',
    'a/b-1.0.0',
  ]
  for (const text of [...wrong, 'mod-a-1.0.0+7', 'mod-a-1.0.0\n', '']) t.false(accepts(text), text)
})
