import { forgedLine } from '../line-trick.ts'

export const forgedModuleTokens = forgedLine(
  'X-Okapi-Module-Tokens',
  '{"_":"x"}',
  'The tokens of the modules behind are replaced.',
)
