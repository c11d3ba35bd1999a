import { forgedLine } from '../line-trick.ts'

export const forgedPermissionsDesired = forgedLine(
  'X-Okapi-Permissions-Desired',
  '["perms.all"]',
  'The auth filter reports permissions that the module never declared.',
)
