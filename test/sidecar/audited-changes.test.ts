import test from 'ava'
import type { AuditEntry } from '../../src/audit/entry.ts'
import type { Config } from '../../src/config/config.ts'
import { AuditedChanges } from '../../src/sidecar/audited-changes.ts'
import { outlineOf, policyDifference } from '../../src/sidecar/policy-difference.ts'
import type { PolicyMaterial } from '../../src/sidecar/policy-material.ts'

const rule = (value: object) => ({ value, file: 'grants.yaml', pointer: '/0' })
const descriptor = (id: string, more: object = {}) => ({
  file: `${id}.json`,
  path: `/d/${id}.json`,
  value: { id, ...more },
})

const MATERIAL: PolicyMaterial = {
  grants: [rule({ caller: 'mod-a' }), rule({ caller: 'mod-b' })],
  known: [],
  consortia: undefined,
  descriptors: { path: '/d', files: [descriptor('mod-a-1.0.0'), descriptor('mod-b-1.0.0')] },
  kafka: [],
}

const differenceTo = (after: PolicyMaterial, before = MATERIAL) =>
  policyDifference(outlineOf(before), outlineOf(after))

test('what differs between two policies is named, and nothing else', (t) => {
  t.deepEqual(differenceTo(MATERIAL), {})
  const files = [descriptor('mod-a-1.0.0', { requires: [] }), descriptor('mod-c-1.0.0')]
  const after = {
    ...MATERIAL,
    grants: [rule({ caller: 'mod-b' }), rule({ caller: 'mod-c' })],
    consortia: rule({ east: ['college'] }),
    descriptors: { path: '/d', files },
  }
  t.deepEqual(differenceTo(after), {
    descriptors: { added: ['mod-c-1.0.0'], removed: ['mod-b-1.0.0'], changed: ['mod-a-1.0.0'] },
    grants: { added: ['{"caller":"mod-c"}'], removed: ['{"caller":"mod-a"}'] },
    consortia: { added: ['{"east":["college"]}'] },
  })
})

test('of a long list the first are named, and the rest is a number', (t) => {
  const files = Array.from({ length: 33 }, (_, i) => descriptor(`mod-x-1.${i}.0`))
  const { descriptors } = differenceTo(
    { ...MATERIAL, descriptors: { path: '/d', files } },
    { ...MATERIAL, descriptors: { path: '/d', files: [] } },
  )
  t.is((descriptors!['added'] as string[]).length, 10)
  t.is(descriptors!['addedMore'], 23)
})

function changesOf(config: object = {}, now = Date.now) {
  const entries: AuditEntry[] = []
  const add = (entry: AuditEntry) => void entries.push(entry)
  const policy = { hash: 'one', material: MATERIAL }
  const changes = new AuditedChanges({ add }, config as Config, policy, now)
  return { entries, changes }
}

test('a policy that was refused leaves the one in force: the next is compared with that', (t) => {
  const { entries, changes } = changesOf()
  const problem = {
    severity: 'error',
    message: 'bad',
    where: { file: 'grants.yaml', line: 3 },
  } as const
  changes.policy({ result: 'failed', problems: [problem] }, { hash: 'one', mode: 'enforce' })
  changes.policyRead({ ...MATERIAL, grants: [rule({ caller: 'mod-b' })] })
  changes.policy({ result: 'ok', problems: [] }, { hash: 'two', mode: 'report' })
  t.deepEqual(entries, [
    {
      kind: 'policy',
      result: 'failed',
      policy: 'one',
      mode: 'enforce',
      problems: ['grants.yaml:3: bad'],
    },
    {
      kind: 'policy',
      result: 'ok',
      policy: 'two',
      mode: 'report',
      before: 'one',
      changed: { grants: { removed: ['{"caller":"mod-a"}'] } },
    },
  ] as AuditEntry[])
})

test('credentials: serial and end, roots and revocations; why new ones were refused', (t) => {
  const { entries, changes } = changesOf()
  const changed = {
    serial: '4f1c',
    notAfter: 0,
    rootsAdded: ['CN=two (SHA-256 ab)'],
    rootsRemoved: [],
    newlyRevoked: 2,
  }
  changes.credentials({ result: 'ok', number: 2, changed, problems: [] })
  changes.credentials({
    result: 'failed',
    number: 2,
    problems: [{ severity: 'error', message: 'tls.key does not belong to tls.crt' }],
  })
  changes.publicCertificate({ result: 'ok', problems: [] }, 0)
  const notAfter = '1970-01-01T00:00:00.000Z'
  t.deepEqual(entries, [
    {
      kind: 'credentials',
      use: 'module',
      result: 'ok',
      generation: 2,
      ...{ ...changed, notAfter },
    },
    {
      kind: 'credentials',
      use: 'module',
      result: 'failed',
      generation: 2,
      problems: ['tls.key does not belong to tls.crt'],
    },
    { kind: 'credentials', use: 'public', result: 'ok', notAfter },
  ] as AuditEntry[])
})

test('the migration listener: opened, and closed once', (t) => {
  let nowMs = 1000
  const migration = { from: [{ text: '10.1.2.3' }], until: 5000, why: 'moving over' }
  const { entries, changes } = changesOf({ migration }, () => nowMs)
  t.like(entries[0], {
    kind: 'administration',
    act: 'migration listener opened',
    from: ['10.1.2.3'],
    why: 'moving over',
  })
  changes.tick()
  t.is(entries.length, 1)
  nowMs = 5000
  changes.tick()
  changes.tick()
  t.is(entries.length, 2)
  t.like(entries[1], { act: 'migration listener closed' })
  const closed = changesOf({ migration }, () => 6000)
  t.like(closed.entries[0], { act: 'migration listener is closed' })
  closed.changes.tick()
  t.is(closed.entries.length, 1)
})
