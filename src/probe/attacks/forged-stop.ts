import { forgedLine } from '../line-trick.ts'

export const forgedStop = forgedLine(
  'X-Okapi-Stop',
  'true',
  'The pipeline ends before the filters behind the handler.',
)
