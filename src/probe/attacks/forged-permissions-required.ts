import { forgedLine } from '../line-trick.ts'

export const forgedPermissionsRequired = forgedLine(
  'X-Okapi-Permissions-Required',
  '[]',
  'The auth filter is told that no permission is required.',
)
