import { targetTrick } from '../target-trick.ts'

/** Prefixes no longer match, and `//host/` is an authority to URL parsers. */
export const pathDoubleSlash = targetTrick({
  id: 'path-double-slash',
  title: 'an empty segment: //',
  target: ({ ordinaryPath }) => `/${ordinaryPath}`,
})
