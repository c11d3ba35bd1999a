import { lineTrick } from '../line-trick.ts'

export const duplicateHost = lineTrick({
  id: 'duplicate-host',
  title: 'two Host lines',
  meaning: 'Two readers route one request to two hosts (RFC 9112 section 3.2 wants it refused).',
  remedy: 'Refuse what may stand only once and stands twice, before anything else reads it.',
  lines: (_context, honest) => [...honest, ['Host', 'okapi']],
})
