import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { getPath, readKnownModules, timerPath } from '../../src/probe/known-modules.ts'

const DEMO = new URL('../../src/demo/descriptors', import.meta.url).pathname

test('paths come from the descriptors', (t) => {
  const installation = readKnownModules(DEMO)
  t.is(installation.okapi, 'okapi-7.2.0')
  t.is(getPath(installation.module('mod-tags')!), '/tags')
  t.is(getPath(installation.module('mod-users-19.7.0')!), '/users')
  t.is(installation.module('mod-use'), undefined)
})

test('a path is closed to a module that does not require its interface, and to no other', (t) => {
  const installation = readKnownModules(DEMO)
  const closed = (name: string) => installation.closedTo(installation.module(name)!)
  t.not(closed('mod-tags'), '/tags')
  t.not(closed('mod-notes'), '/users')
  t.not(closed('mod-notes'), '/notes')
})

function folder(...descriptors: object[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'installation-'))
  descriptors.forEach((one, i) => {
    writeFileSync(join(directory, `${i}.json`), JSON.stringify(one))
  })
  return directory
}

const provider = (version: string) => ({
  id: 'mod-a-1.0.0',
  provides: [
    {
      id: 'a',
      version,
      handlers: [{ methods: ['GET'], pathPattern: '/a/{id}', permissionsRequired: [] }],
    },
    {
      id: '_timer',
      version: '1.0',
      interfaceType: 'system',
      handlers: [{ methods: ['POST'], pathPattern: '/a/clean-up', unit: 'hour', delay: '1' }],
    },
  ],
})
const caller = { id: 'mod-b-1.0.0', requires: [{ id: 'a', version: '1.2' }] }

test('a mismatch is a required interface that is provided, but not in that version', (t) => {
  const wrong = readKnownModules(folder(provider('2.0'), caller)).mismatch()
  t.is(wrong?.caller, 'mod-b-1.0.0')
  t.regex(wrong?.path ?? '', /^\/a\/[0-9a-f-]{36}$/)
  t.is(readKnownModules(folder(provider('1.3'), caller)).mismatch(), undefined)
  t.is(readKnownModules(folder(caller)).mismatch(), undefined)
})

test('a timer is found where there is one', (t) => {
  const installation = readKnownModules(folder(provider('1.0'), caller))
  t.is(timerPath(installation.module('mod-a')!), '/a/clean-up')
  t.is(timerPath(installation.module('mod-b')!), undefined)
})

test('a folder without descriptors is an error', (t) => {
  t.throws(() => readKnownModules(folder()), { message: /no ModuleDescriptor/ })
  t.throws(() => readKnownModules(folder({ nothing: true })), { message: /no ModuleDescriptor/ })
  t.throws(() => readKnownModules('/nowhere/at/all'), { message: /ENOENT/ })
})
