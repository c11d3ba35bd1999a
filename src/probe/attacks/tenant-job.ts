import { callAttack } from '../call-attack.ts'

export const tenantJob = callAttack({
  id: 'tenant-job',
  title: 'GET and DELETE of a tenant job',
  meaning: 'One module watches or drops the jobs that install and purge others.',
  remedy: 'Only Okapi may call system interfaces, and only those that are declared.',
  against: 'module',
  calls: () => [
    { target: '/_/tenant/00000000-0000-4000-8000-000000000000' },
    { method: 'DELETE', target: '/_/tenant/00000000-0000-4000-8000-000000000000' },
  ],
})
