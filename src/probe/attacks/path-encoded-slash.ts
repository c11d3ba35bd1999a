import { targetTrick } from '../target-trick.ts'

/** Okapi's `{id}` matches the raw segment; what is behind it decodes, and walks out of it. */
export const pathEncodedSlash = targetTrick({
  id: 'path-encoded-slash',
  title: 'a path trick: /..%2f in an id',
  target: ({ ordinaryPath }) => `${ordinaryPath}/..%2f..%2fadmin%2fjstack`,
})
