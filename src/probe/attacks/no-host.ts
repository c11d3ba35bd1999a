import { lineTrick } from '../line-trick.ts'

export const noHost = lineTrick({
  id: 'no-host',
  title: 'no Host line at all',
  meaning: 'RFC 9112 section 3.2 wants it refused; what routes by it falls back to a default.',
  remedy: 'Refuse HTTP/1.1 without exactly one Host line.',
  lines: (_context, honest) => honest.filter(([name]) => name !== 'Host'),
})
