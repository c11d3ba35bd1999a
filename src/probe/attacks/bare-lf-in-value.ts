import { lineTrick } from '../line-trick.ts'

export const bareLfInValue = lineTrick({
  id: 'bare-lf-in-value',
  title: 'a bare LF in a header value',
  meaning: 'One reader ends the line there, and finds a header that was not judged.',
  remedy: 'Refuse an LF without its CR.',
  lines: (_context, honest) => [...honest, ['X-Probe', 'a\nX-Okapi-Permissions: ["perms.all"]']],
})
