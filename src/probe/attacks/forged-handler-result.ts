import { forgedLine } from '../line-trick.ts'

export const forgedHandlerResult = forgedLine(
  'X-Okapi-Handler-Result',
  '200',
  'The audit filter records a result that never was; Okapi does not take it off.',
)
