import { forgedLine } from '../line-trick.ts'

export const forgedExtraPermissions = forgedLine(
  'X-Okapi-Extra-Permissions',
  '["perms.all"]',
  'The auth filter adds permissions that nobody gave.',
)
