import { forgedLine } from '../line-trick.ts'

export const forgedModulePermissions = forgedLine(
  'X-Okapi-Module-Permissions',
  '{"mod-rogue-1.0.0":["perms.all"]}',
  'Where the auth filter is reached with it, it signs tokens with these permissions.',
)
