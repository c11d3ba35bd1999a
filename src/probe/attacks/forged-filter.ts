import { forgedLine } from '../line-trick.ts'

export const forgedFilter = forgedLine(
  'X-Okapi-Filter',
  'auth /users',
  'A handler takes an ordinary call for a call of the auth phase.',
)
