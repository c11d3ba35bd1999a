import { lineTrick } from '../line-trick.ts'

export const spaceBeforeColon = lineTrick({
  id: 'space-before-colon',
  title: 'white space before the colon',
  meaning: 'RFC 9112 section 5.1: one reader drops the line, another believes it.',
  remedy: 'Refuse white space between a name and its colon.',
  lines: (_context, honest) => [...honest, ['X-Okapi-Permissions ', '["perms.all"]']],
})
