import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { VERBS } from '../../src/cli/verbs.ts'
import { ALL_REASONS } from '../../src/refusal/reasons.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = readFileSync(join(ROOT, 'docs/incidents.md'), 'utf8')
const QUOTED = [...PAGE.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
const SOURCES = globSync('src/**/*.ts', { cwd: ROOT })
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n')

test('every command of the page is one, with options that it has', async (t) => {
  const commands = [...PAGE.matchAll(/okapi-sidecar ([a-z]+)(?: ([a-z]+)\b)?([^`\n#]*)/g)]
  t.true(commands.length >= 12, String(commands.length))
  for (const [command, name = '', sub = '', rest = ''] of commands) {
    const verb = VERBS[name]
    if (verb === undefined) {
      t.fail(command)
      continue
    }
    const { usage } = await verb.load()
    if (usage.includes(`okapi-sidecar ${name} `) && sub !== '' && name !== 'status') {
      t.true(usage.includes(`okapi-sidecar ${name} ${sub}`), command)
    }
    for (const [option] of rest.matchAll(/--[a-z-]+/g)) t.true(usage.includes(option), command)
  }
})

/** What a person sees: in the sources it stands in one piece, or with a value for `…`. */
const SEEN = /^[A-Za-z ]+ [A-Za-z 0-9]+$/

test('what the page quotes is what is said', (t) => {
  const seen = QUOTED.filter((text) => SEEN.test(text) && !text.startsWith('okapi-sidecar'))
  t.true(seen.length >= 9, seen.join('\n'))
  for (const text of seen.filter((one) => !one.startsWith('certs '))) {
    const fits = SOURCES.includes(text) || text === 'within 5 s'
    t.true(fits, text)
  }
})

test('reasons and keys of the page exist', (t) => {
  const reasons = QUOTED.filter((text) => /^[a-z]+-[a-z-]+$/.test(text))
  for (const reason of reasons)
    t.true(
      ALL_REASONS.some((known) => known === reason),
      reason,
    )
  const schema = parse(readFileSync(join(ROOT, 'sidecar.schema.json'), 'utf8'))
  const keys = QUOTED.filter((text) => /^(?:egress|limits|policy)(?:\.\w+)+$/.test(text))
  t.true(keys.length >= 3)
  for (const key of keys) {
    let at = schema
    for (const step of key.split('.')) at = at?.properties?.[step]
    t.truthy(at, key)
  }
})
