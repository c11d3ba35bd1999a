import { forgedLine } from '../line-trick.ts'

export const forgedUrlTo = forgedLine(
  'X-Okapi-Url-to',
  'http://127.0.0.1:9',
  'RMB loads a tenant’s reference data to a host of the attacker’s choice.',
)
