import { forgedLine } from '../line-trick.ts'

export const forgedUnheardOf = forgedLine(
  'X-Okapi-Unheard-Of',
  'x',
  'What Okapi adds one day will be forged from that day on.',
)
