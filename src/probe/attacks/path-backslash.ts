import { targetTrick } from '../target-trick.ts'

/** WHATWG URL parsers and Windows take it for a slash. */
export const pathBackslash = targetTrick({
  id: 'path-backslash',
  title: 'a backslash for a slash',
  target: ({ ordinaryPath }) => `${ordinaryPath}\\..\\admin`,
})
