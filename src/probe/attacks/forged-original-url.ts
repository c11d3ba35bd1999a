import { forgedLine } from '../line-trick.ts'

export const forgedOriginalUrl = forgedLine(
  'X-Original-URL',
  '/_/proxy/tenants',
  'A router behind serves another path than the one judged.',
)
