import { forgedLine } from '../line-trick.ts'

export const forgedUrl = forgedLine(
  'X-Okapi-Url',
  'http://127.0.0.1:9',
  'Modules call back to a host of the attacker’s choice, with their tokens.',
)
