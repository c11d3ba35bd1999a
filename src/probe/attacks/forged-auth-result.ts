import { forgedLine } from '../line-trick.ts'

export const forgedAuthResult = forgedLine(
  'X-Okapi-Auth-Result',
  '200',
  'Filters believe that the caller was authorised; Okapi does not take it off.',
)
