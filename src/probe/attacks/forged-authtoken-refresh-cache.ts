import { forgedLine } from '../line-trick.ts'

export const forgedAuthtokenRefreshCache = forgedLine(
  'Authtoken-Refresh-Cache',
  'true',
  'mod-authtoken flushes its caches on each call: all others wait.',
)
