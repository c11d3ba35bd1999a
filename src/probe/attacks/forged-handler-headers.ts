import { forgedLine } from '../line-trick.ts'

export const forgedHandlerHeaders = forgedLine(
  'X-Okapi-Handler-Headers',
  '{}',
  'The audit filter records an answer that never was; Okapi does not take it off.',
)
