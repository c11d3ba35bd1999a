import { callAttack } from '../call-attack.ts'

export const tenantPermissions = callAttack({
  id: 'tenant-permissions',
  title: 'POST /_/tenantPermissions',
  meaning: 'One module writes permissions into another.',
  remedy: 'Only Okapi may call system interfaces, and only those that are declared.',
  against: 'module',
  calls: () => [
    { method: 'POST', target: '/_/tenantPermissions', body: '{}' },
    { method: 'POST', target: '/_/tenantpermissions', body: '{}' },
  ],
})
