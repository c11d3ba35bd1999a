import { lineTrick } from '../line-trick.ts'

export const emptyName = lineTrick({
  id: 'empty-name',
  title: 'a header line without a name',
  meaning: 'Readers skip it, join it to the line before, or stop there.',
  remedy: 'Refuse lines without a name.',
  lines: (_context, honest) => [...honest, ['', 'x']],
})
