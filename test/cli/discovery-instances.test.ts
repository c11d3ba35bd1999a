import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { assignPorts, targetOf } from '../../src/cli/discovery/instances.ts'
import { portsGiven } from '../../src/cli/init/members.ts'
import { Fault } from '../../src/fault.ts'

const RANGE = { host: '127.0.0.1', from: 20000, to: 20199 }
const id = fc
  .tuple(fc.stringMatching(/^mod-[a-z]{1,6}$/), fc.nat(9))
  .map(([p, v]) => `${p}-${v}.0.0`)
const ids = fc.uniqueArray(id, { maxLength: 100 })

test('every module has a port of its own, inside the range', (t) => {
  fc.assert(
    fc.property(ids, (set) => {
      const ports = assignPorts(set, RANGE)
      const given = [...ports.values()]
      return (
        ports.size === set.length &&
        new Set(given).size === set.length &&
        given.every((port) => port >= RANGE.from && port <= RANGE.to)
      )
    }),
  )
  t.pass()
})

test('the order in which the descriptors are read does not matter', (t) => {
  fc.assert(
    fc.property(ids, (set) => {
      const [one, other] = [assignPorts(set, RANGE), assignPorts(set.toReversed(), RANGE)]
      return set.every((each) => one.get(each) === other.get(each))
    }),
  )
  t.pass()
})

test('what Okapi uses already stays when modules come and go', (t) => {
  fc.assert(
    fc.property(ids, ids, (before, after) => {
      const old = assignPorts(before, RANGE)
      const now = assignPorts(after, RANGE, old)
      return after.every((each) => !old.has(each) || now.get(each) === old.get(each))
    }),
  )
  t.pass()
})

test('a range can be filled to its last port, and not beyond', (t) => {
  const three = ['mod-a-1.0.0', 'mod-b-1.0.0', 'mod-c-1.0.0']
  const narrow = { host: '127.0.0.1', from: 7, to: 9 }
  t.deepEqual([...assignPorts(three, narrow).values()].sort(), [7, 8, 9])
  t.throws(() => assignPorts([...three, 'mod-d-1.0.0'], narrow), { instanceOf: Fault })
})

test('a port that two modules use already, or outside the range, is not kept twice', (t) => {
  const taken = new Map([
    ['mod-a-1.0.0', 20005],
    ['mod-b-1.0.0', 20005],
    ['mod-c-1.0.0', 9131],
  ])
  const ports = assignPorts([...taken.keys()], RANGE, taken)
  t.is(ports.get('mod-a-1.0.0'), 20005)
  t.is(new Set(ports.values()).size, 3)
  t.true([...ports.values()].every((port) => port >= 20000 && port <= 20199))
})

test('only the exact form of a URL leads through the sidecar', (t) => {
  for (const [url, port] of [
    ['http://127.0.0.1:20000/mod-users-19.7.0', 20000],
    ['http://localhost:20199/mod-users-19.7.0', 20199],
    ['http://[::1]:20001/mod-users-19.7.0', 20001],
  ] as const) {
    t.deepEqual(targetOf(url, RANGE), { to: 'sidecar', port, id: 'mod-users-19.7.0' }, url)
  }
  for (const url of [
    '',
    'http://127.0.0.1:20000',
    'http://127.0.0.1:20000/',
    'http://127.0.0.1:20000/mod-users-19.7.0/',
    'http://127.0.0.1:20000/mod-users-19.7.0?x',
    'http://127.0.0.1:20000/mod-users-19.7.0#x',
    'http://127.0.0.1:20000//mod-users-19.7.0',
    'http://127.0.0.1:19999/mod-users-19.7.0',
    'http://127.0.0.1:20200/mod-users-19.7.0',
    'https://127.0.0.1:20000/mod-users-19.7.0',
    'http://127.0.0.1.evil.example:20000/mod-users-19.7.0',
    'http://127.0.0.1:20000@evil.example:20000/mod-users-19.7.0',
    'http://evil.example#@127.0.0.1:20000/mod-users-19.7.0',
    'http://mod-users:20000/mod-users-19.7.0',
    ' http://127.0.0.1:20000/mod-users-19.7.0',
    'HTTP://127.0.0.1:20000/mod-users-19.7.0',
  ]) {
    t.deepEqual(targetOf(url, RANGE), { to: 'elsewhere' }, url)
  }
})

test('init gives no new ports where the file of those that Okapi knows cannot be used', (t) => {
  const out = mkdtempSync(join(tmpdir(), 'ports-given-'))
  t.teardown(() => rmSync(out, { recursive: true, force: true }))
  t.is(portsGiven(out, 20_000).size, 0)
  const file = join(out, 'discovery.json')
  const entry = { srvcId: 'mod-users-19.7.0', url: 'http://127.0.0.1:20003/mod-users-19.7.0' }
  writeFileSync(file, JSON.stringify([entry]))
  t.deepEqual([...portsGiven(out, 20_000)], [['mod-users-19.7.0', 20_003]])
  for (const text of ['', '[{', '{}', '[null]']) {
    writeFileSync(file, text)
    t.throws(() => portsGiven(out, 20_000), { instanceOf: Fault, message: /earlier run/ })
  }
})
