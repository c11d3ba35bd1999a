import { forgedLine } from '../line-trick.ts'

export const forgedForwardedFor = forgedLine(
  'X-Forwarded-For',
  '192.0.2.1',
  'The login audit shows an address that never called.',
)
