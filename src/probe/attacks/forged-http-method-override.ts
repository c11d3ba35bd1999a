import { forgedLine } from '../line-trick.ts'

export const forgedHttpMethodOverride = forgedLine(
  'X-HTTP-Method-Override',
  'DELETE',
  'A framework behind serves another method than the one judged.',
)
