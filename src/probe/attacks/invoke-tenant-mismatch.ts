import { callAttack } from '../call-attack.ts'

export const invokeTenantMismatch = callAttack({
  id: 'invoke-tenant-mismatch',
  group: 'tenants',
  title: '/_/invoke and header name two tenants',
  meaning: 'Okapi adds a second header: one reader serves one tenant, another the other.',
  remedy: 'Refuse a tenant header beside /_/invoke that differs from it.',
  needs: ['credentials'],
  against: 'okapi',
  calls: ({ tenant, ordinaryPath }) => [{ target: `/_/invoke/tenant/${tenant}x${ordinaryPath}` }],
})
