import { forgedLine } from '../line-trick.ts'

export const forgedAdditionalToken = forgedLine(
  'X-Okapi-Additional-Token',
  'x',
  'The auth filter judges a second token, of the module’s choice.',
)
