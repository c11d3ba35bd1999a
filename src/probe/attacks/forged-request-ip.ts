import { forgedLine } from '../line-trick.ts'

export const forgedRequestIp = forgedLine(
  'X-Okapi-request-ip',
  '192.0.2.1',
  'The audit log shows an address that never called.',
)
