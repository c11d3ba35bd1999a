import { targetTrick } from '../target-trick.ts'

/** Decoders throw, replace, or leave it: three readers, three paths. */
export const pathBrokenPercent = targetTrick({
  id: 'path-broken-percent',
  title: 'a broken escape: %zz',
  target: ({ ordinaryPath }) => `${ordinaryPath}/%zz`,
})
