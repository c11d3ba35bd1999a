import { forgedLine } from '../line-trick.ts'

export const forgedForwarded = forgedLine(
  'Forwarded',
  'for=192.0.2.1;host=okapi',
  'The audit log shows an address that never called.',
)
