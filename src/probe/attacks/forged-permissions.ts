import { forgedLine } from '../line-trick.ts'

/** Okapi's sanitizeAuthHeaders leaves X-Okapi-Permissions alone, and modules believe it. */
export const forgedPermissions = forgedLine(
  'X-Okapi-Permissions',
  '["users.all","perms.all"]',
  'A module grants itself permissions that the next module believes.',
)
