import type { Config } from '../../config/config.ts'
import { readTenantRules, tenantRuleFor } from '../../policy/tenant-rules.ts'

/**
 * The tenants that the tenant guard lets this module act for, if it has a list of them and is enforced: other
 * legs of the module must not allow more than its calls. Empty: any.
 */
export function guardedTenants({ module, policy }: Config): readonly string[] {
  // Errors in them are reported where the policy is read.
  const rules = readTenantRules(policy.tenantsOf, [])
  const rule = tenantRuleFor(rules, { kind: 'module', id: module.id })
  const mode = rule?.mode ?? policy.tenants
  if (rule === undefined || mode !== 'enforce' || typeof rule.tenants === 'string') return []
  return [...rule.tenants]
}
