import { targetTrick } from '../target-trick.ts'

/** Okapi cuts the path there (RoutingEntry.fastMatch), others do not. */
export const pathHash = targetTrick({
  id: 'path-hash',
  title: 'a raw # in the target',
  target: ({ ordinaryPath }) => `${ordinaryPath}#/../admin`,
})
