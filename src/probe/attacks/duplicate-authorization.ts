import { lineTrick } from '../line-trick.ts'

export const duplicateAuthorization = lineTrick({
  id: 'duplicate-authorization',
  title: 'two Authorization lines',
  meaning:
    'Okapi reads the first, RMB the last, Tomcat the first: one is judged, another is served.',
  remedy: 'Refuse what may stand only once and stands twice, before anything else reads it.',
  lines: (_context, honest) => [
    ...honest,
    ['Authorization', 'Bearer a.b.c'],
    ['Authorization', 'Bearer d.e.f'],
  ],
})
