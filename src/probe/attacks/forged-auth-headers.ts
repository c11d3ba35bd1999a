import { forgedLine } from '../line-trick.ts'

export const forgedAuthHeaders = forgedLine(
  'X-Okapi-Auth-Headers',
  '{}',
  'Filters believe what the auth filter never said; Okapi does not take it off.',
)
