import { isOfModule, type TokenUse } from './token-table.ts'

const KNOWN = ['sent to it', 'in an answer to it', 'in a cookie to it', 'sent again in its life']

/**
 * The expected result for a token, written from the rules in docs/tokens.md and sharing nothing with
 * src/.
 */
export function whatShouldBecomeOf({ place, way, form, grant, mode, caller }: TokenUse): string {
  if (mode === 'off' || place === 'migration listener') return 'passes'
  if (!isOfModule(place)) {
    if (way !== 'of a module, never seen') return 'passes'
    // That needs no memory, so that there is no grace.
    return mode === 'report' ? 'passes, would be token-not-seen-here' : '403 token-not-seen-here'
  }
  if (way === 'no token' || caller === 'maker of tokens' || grant === 'any') return 'passes'
  if (grant === 'named' && place === 'module’s egress') return 'passes'
  const isKnown = KNOWN.includes(way) || (grant === 'named' && way === 'sent to a named one')
  // `Bearer` and nothing behind it is a token of that name to Okapi (TokenHeader.check).
  const isNone = way === 'empty' && !['Bearer', 'twice the same', 'beside another'].includes(form)
  if (isNone || (isKnown && form !== 'beside another')) return 'passes'
  return mode === 'enforce' ? '403 token-not-seen-here' : 'passes, would be token-not-seen-here'
}
