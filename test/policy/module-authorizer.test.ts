import test from 'ava'
import type { Problem } from '../../src/fault.ts'
import { parseCaller } from '../../src/policy/caller.ts'
import { readConsortia } from '../../src/policy/consortia.ts'
import { readGrantRules } from '../../src/policy/grants.ts'
import type { PolicyModel } from '../../src/policy/model.ts'
import { ModuleAuthorizer } from '../../src/policy/module-authorizer.ts'
import { moduleRoutes, okapiRoutes } from '../../src/policy/routes.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'
import { installed } from './tools.ts'

const GRANT = { why: 'a test', until: '2099-01-01' }

/** A model with a grant that the check at load would refuse. */
function unchecked(grant: object): PolicyModel {
  const set = installed()
  const problems: Problem[] = []
  const grants = readGrantRules(ruleSources([{ ...GRANT, ...grant }], 'test.yaml', ''), problems)
  const consortia = readConsortia(undefined, problems)
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('; '))
  return {
    ...{ set, grants, routes: okapiRoutes(set), mode: 'enforce', now: Date.now },
    ...{ quarantine: [], pathExceptions: [], sensitivity: new Map(), reported: new Set() },
    tenants: { mode: 'off', of: [], withoutToken: 'serving', consortia },
  }
}

for (const [what, at, path, grant, because] of [
  [
    'a module with an auth filter',
    'mod-authtoken-2.18.0',
    'POST /token',
    { caller: 'mod-tags', at: 'mod-authtoken', interface: 'authtoken' },
    /auth filter, even with a grant/,
  ],
  [
    'a tenant route',
    'mod-users-19.7.0',
    'POST /_/tenant',
    { caller: 'mod-tags', at: 'mod-users', methods: ['POST'], path: '/_/tenant' },
    /only Okapi may call system routes and filters, even with a grant/,
  ],
  [
    'a module to public',
    'mod-users-19.7.0',
    'GET /users',
    { caller: 'public', at: 'mod-users', interface: 'users' },
    /only Okapi may, and no grant allows it/,
  ],
] as const) {
  test(`no grant opens ${what}, even one that was not checked`, (t) => {
    const model = unchecked(grant)
    const module = model.set.modules.get(at)!
    const caller = parseCaller(grant.caller === 'public' ? 'public' : 'mod-tags-3.1.0')
    const authorizer = new ModuleAuthorizer(model, caller, at, module, moduleRoutes(module))
    const [method = '', target = ''] = path.split(' ')
    const bytes = Buffer.from(target)
    const decision = authorizer.decide(method, bytes, 0, bytes.length, 'diku', undefined, false)
    if (decision.allow) return t.fail(decision.because)
    t.is(decision.refusal.reason, 'caller-not-allowed')
    t.regex(decision.refusal.because, because)
  })
}
