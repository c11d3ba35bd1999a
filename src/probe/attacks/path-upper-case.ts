import { targetTrick } from '../target-trick.ts'

/** File systems and some routers fold case, the allow-list does not. */
export const pathUpperCase = targetTrick({
  id: 'path-upper-case',
  title: 'another case: /_/PROXY, /ADMIN',
  target: ({ role }) => (role === 'okapi' ? '/_/PROXY/tenants' : '/ADMIN/jstack'),
})
