import { crossingText } from './consortia.ts'
import type { LineMode } from './decision.ts'
import type { PolicyModel } from './model.ts'
import type { TenantRule } from './tenant-rules.ts'

const MOST_MEMBERS = 10

const HELD: Readonly<Record<LineMode, string>> = {
  off: 'not held against tokens',
  report: 'held against tokens, REPORT ONLY',
  enforce: 'held against tokens, enforced',
}

/** For which tenants callers may act, one line for each rule; for display. */
export function tenantLines({ tenants }: PolicyModel): readonly string[] {
  const { mode, withoutToken, consortia, of } = tenants
  const any = withoutToken === 'any' ? '; calls of modules without a token for any tenant' : ''
  return [
    `${HELD[mode]}${any}`,
    ...consortia.list.map(
      ({ central, members }) => `consortium of ${central}: ${cut(members) || 'no members'}`,
    ),
    ...consortia.rules.map((rule) => `may cross: ${crossingText(rule)} (${rule.why})`),
    ...of.map((rule) => `${rule.caller}: ${ruleText(rule)} (${rule.why})`),
  ]
}

function ruleText({ tenants, mode, withoutToken }: TenantRule): string {
  const which =
    tenants === 'all'
      ? 'all tenants'
      : tenants === 'serving'
        ? 'tenants that it serves'
        : cut([...tenants])
  const own = mode === undefined ? '' : `, ${HELD[mode]}`
  return `${which}${own}${withoutToken === 'any' ? ', without a token for any' : ''}`
}

function cut(tenants: readonly string[]): string {
  const more = tenants.length - MOST_MEMBERS
  return more <= 0
    ? tenants.join(', ')
    : `${tenants.slice(0, MOST_MEMBERS).join(', ')} and ${more} more`
}
