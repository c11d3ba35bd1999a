import test from 'ava'
import { ask, compiled, findings, policyOf, type Rules, word } from './tools.ts'

// A system interface without `interfaceType`: Okapi itself calls it (InterfaceDescriptor.isType), and hands
// requests of anybody for it on (ModuleDescriptor.getProxyRoutingEntries).

const handlers = (...paths: readonly string[]) =>
  paths.map((pathPattern) => ({ methods: ['GET', 'POST'], pathPattern, permissionsRequired: [] }))
const timer = (path: string, interfaceType?: string) => ({
  id: '_timer',
  version: '1.0',
  handlers: handlers(path),
  ...(interfaceType === undefined ? {} : { interfaceType }),
})
const VICTIM = {
  id: 'mod-victim-1.0.0',
  provides: [
    timer('/victim/timer'),
    { id: 'victim', version: '1.0', handlers: handlers('/victim/{id}/x', '/victim/open') },
  ],
}
const needs = { id: '_timer', version: '1.0' }
const SET = [
  VICTIM,
  { id: 'mod-own-1.0.0', provides: [timer('/own/timer')] },
  { id: 'mod-typed-1.0.0', provides: [timer('/typed/timer', 'system')] },
  { id: 'mod-many-1.0.0', provides: [timer('/many/timer', 'multiple')] },
  { id: 'mod-requires-1.0.0', requires: [needs] },
  { id: 'mod-optional-1.0.0', optional: [needs] },
  { id: 'mod-granted-1.0.0' },
]
const granted = { caller: 'mod-granted', at: 'okapi', why: 'test' }
const RULES: Rules = {
  grants: [
    { ...granted, interface: '_timer' },
    { ...granted, methods: ['*'], path: '/victim/timer' },
    { ...granted, methods: ['*'], path: '/*' },
    { ...granted, methods: ['*'], path: '/_/invoke/*' },
    { caller: 'client/c', at: 'okapi', methods: ['*'], path: '/victim/*', why: 'test' },
    { caller: 'operator/o', at: 'okapi', interface: '_timer', why: 'test' },
  ],
}
const CALLERS = [
  ...['mod-victim', 'mod-own', 'mod-typed', 'mod-many', 'mod-requires', 'mod-optional'],
  'mod-granted',
].map((product) => `${product}-1.0.0`)

const asked = (caller: string, path: string, more: object = {}, rules = RULES) =>
  word(ask(policyOf(rules, SET), { caller, path, method: 'POST', tenant: 'diku', ...more }))

for (const caller of [...CALLERS, 'client/c', 'operator/o', 'public', 'plain']) {
  test(`at Okapi the system interface of a module is not for ${caller}`, (t) => {
    for (const rules of [RULES, { ...RULES, mode: 'report' } as const]) {
      t.is(asked(caller, '/victim/timer', {}, rules), 'caller-not-allowed')
    }
  })
}

test('the system interface is not reachable through /_/invoke either', (t) => {
  const invoked = '/_/invoke/tenant/diku/victim/timer'
  t.is(asked('mod-granted-1.0.0', invoked), 'caller-not-allowed')
  t.is(asked('mod-granted-1.0.0', '/_/invoke/tenant/diku/victim/open'), 'grant')
})

test('other interfaces of the same descriptor stay open', (t) => {
  t.is(asked('mod-victim-1.0.0', '/victim/open'), 'own')
  t.is(asked('mod-granted-1.0.0', '/victim/open'), 'grant')
  t.is(asked('client/c', '/victim/open'), 'grant')
  t.is(asked('public', '/victim/open'), 'default')
})

test('Okapi itself calls it at the module', (t) => {
  const at = (id: string) => ({ caller: 'okapi-7.2.0', at: id })
  for (const product of ['victim', 'own', 'typed']) {
    const { caller, ...there } = at(`mod-${product}-1.0.0`)
    t.is(asked(caller, `/${product}/timer`, there), 'system')
  }
})

test('with its type it is not even found at Okapi; `multiple` is no system interface', (t) => {
  t.is(asked('mod-own-1.0.0', '/typed/timer'), 'route-not-declared')
  const moduleId = 'mod-many-1.0.0'
  t.is(asked('mod-many-1.0.0', '/many/timer', { moduleId }), 'own')
  t.is(asked('mod-own-1.0.0', '/many/timer', { moduleId }), 'interface-not-required')
  t.is(asked('mod-requires-1.0.0', '/many/timer', { moduleId }), 'requires')
})

test('for a grant of a system interface the warning says that it opens nothing', (t) => {
  const one = (interfaces: string, at = 'okapi') => {
    const grants = [{ caller: 'mod-granted', at, interface: interfaces, why: 'test' }]
    const set = SET.filter(({ id }) => id !== 'mod-many-1.0.0')
    return findings(compiled({ grants }, set).problems).join()
  }
  t.regex(one('_timer'), /^warning \/grants\/0: `_timer` is a system interface/)
  t.regex(one('_timer', 'mod-victim'), /^warning \/grants\/0: `_timer` is a system interface/)
  t.is(one('victim'), '')
})
