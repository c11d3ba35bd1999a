import { lineTrick } from '../line-trick.ts'

export const duplicateToken = lineTrick({
  id: 'duplicate-token',
  title: 'two X-Okapi-Token lines',
  meaning:
    'Okapi reads the first, RMB the last, Tomcat the first: one is judged, another is served.',
  remedy: 'Refuse what may stand only once and stands twice, before anything else reads it.',
  lines: (_context, honest) => [...honest, ['X-Okapi-Token', 'a.b.c'], ['X-Okapi-Token', 'd.e.f']],
})
