import test from 'ava'
import { unmetRequirements } from '../../src/analysis/unmet-requirements.ts'
import { installDescriptors } from '../../src/policy/descriptors.ts'

const okapi = { id: 'okapi-7.2.0', provides: [{ id: 'okapi', version: '1.9', handlers: [] }] }
const users = (version: string, provided: string) => ({
  id: `mod-users-${version}`,
  provides: [{ id: 'users', version: provided, handlers: [] }],
})
const NOTES = {
  id: 'mod-notes-8.1.0',
  provides: [],
  requires: [
    { id: 'users', version: '15.1 16.0' },
    { id: 'not-installed', version: '1.0' },
  ],
}
const TAGS = { id: 'mod-tags-3.1.0', provides: [], optional: [{ id: 'users', version: '17.1' }] }

function found(own: string, ...values: object[]): readonly string[] {
  const files = values.map((value, i) => ({ file: `${i}.json`, path: `${i}.json`, value }))
  const { set, problems } = installDescriptors(files)
  if (set === undefined) throw new Error(JSON.stringify(problems))
  return unmetRequirements(set, own).map(({ message }) => message)
}

test('an upgrade that leaves a module behind is a warning before the first call, at both sidecars', (t) => {
  const set = [okapi, users('20.0.0', '17.0'), NOTES, TAGS]
  const notes =
    'mod-notes-8.1.0 requires `users` 15.1 16.0, and only 17.0 of mod-users-20.0.0 is installed: its calls will be refused'
  const tags =
    'mod-tags-3.1.0 lists as optional `users` 17.1, and only 17.0 of mod-users-20.0.0 is installed: its calls will be refused'
  t.deepEqual(found('okapi-7.2.0', ...set), [notes, tags])
  t.deepEqual(found('mod-notes-8.1.0', ...set), [notes])
  t.deepEqual(found('mod-users-20.0.0', ...set), [])
})

test('while both versions are installed, and where nothing provides it, there is nothing to tell', (t) => {
  const both = [okapi, users('20.0.0', '17.1'), users('19.7.0', '16.5'), NOTES, TAGS]
  t.deepEqual(found('okapi-7.2.0', ...both), [])
  t.deepEqual(found('okapi-7.2.0', okapi, NOTES), [])
})
