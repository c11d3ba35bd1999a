import { targetTrick } from '../target-trick.ts'

/** RFC 9112 section 3.2 has no such bytes in a target; readers guess at the charset. */
export const pathRawUtf8 = targetTrick({
  id: 'path-raw-utf8',
  title: 'raw bytes above ASCII',
  target: ({ ordinaryPath }) => `${ordinaryPath}/\xe2\x80\xae`,
})
