import type { Problem } from '../fault.ts'
import { type Grant, readGrantRules } from './grants.ts'
import { ruleSources } from './rule-source.ts'

const WHY = 'Stripes asks it at the start of every session (stripes-core discoverServices.js)'

/** What FOLIO's user interface needs of Okapi's `/_/`; always on, for `public` alone. */
export const STRIPES_GRANTS: readonly Grant[] = builtIn([
  { methods: ['GET'], path: '/_/version', why: WHY },
  { methods: ['GET'], path: '/_/proxy/tenants/{tenantId}/modules', why: WHY },
  { methods: ['GET'], path: '/_/proxy/tenants/{tenantId}/interfaces', why: WHY },
  {
    methods: ['*'],
    path: '/_/invoke/tenant/{tenantId}/saml/*',
    why: 'single sign-on (stripes-core loginServices.js, and callbacks of identity providers)',
  },
])

function builtIn(list: readonly object[]): Grant[] {
  const problems: Problem[] = []
  const written = list.map((grant) => ({ caller: 'public', at: 'okapi', ...grant }))
  const grants = readGrantRules(ruleSources(written, 'stripes', ''), problems)
  if (problems.length > 0) throw new Error(`built-in grants: ${problems[0]!.message}`)
  return grants.map((grant) => ({ ...grant, file: null, pointer: null }))
}
