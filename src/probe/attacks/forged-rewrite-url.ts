import { forgedLine } from '../line-trick.ts'

export const forgedRewriteUrl = forgedLine(
  'X-Rewrite-URL',
  '/_/proxy/tenants',
  'A router behind serves another path than the one judged.',
)
