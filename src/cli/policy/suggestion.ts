import { Document, isSeq, visit } from 'yaml'
import { grantsInForce } from '../../analysis/installation.ts'
import type { MissingPermission } from '../../analysis/missing-permissions.ts'
import { partText, routeText } from '../../analysis/opening.ts'
import type { Proposal } from '../../analysis/proposals.ts'
import type { RouteUse, UnusedRule } from '../../analysis/unused-rules.ts'
import { mergedEvidence, type TenantUsage, type Usage } from '../../analysis/usage.ts'
import { isOkapi, productOf } from '../../folio/module-id.ts'
import { isOrdinaryTenant, SUPERTENANT } from '../../folio/tenant.ts'
import { parseCaller } from '../../policy/caller.ts'
import type { PolicySource } from '../../policy/compiled-policy.ts'
import { idOf } from '../../policy/descriptors.ts'
import { isAt, isFor, opensText } from '../../policy/grants.ts'
import { wrap } from '../terminal.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** How long a proposed grant is valid. */
export const LIFE_MS = 90 * DAY_MS

/** Grants for what was recorded, with their evidence. */
export function recordedGrants(proposals: readonly Proposal[], nowMs: number): WrittenGrant[] {
  return proposals.map((proposal) => {
    const usages = proposal.missing.flatMap(({ usage }) => usage ?? [])
    const { count, firstMs, lastMs } = mergedEvidence(usages)
    const most = proposal.missing.reduce((a, b) => (countOf(b) > countOf(a) ? b : a))
    const seen = `first ${new Date(firstMs).toISOString()}, last ${new Date(lastMs).toISOString()}`
    const comments = [
      `${about(proposal)}: ${times(count)}, ${seen}`,
      `such as ${most.method} ${most.question.route.pattern.text}`,
      ...beside(proposal),
    ]
    const why = `seen in report mode ${times(count)} between ${day(firstMs)} and ${day(lastMs)}`
    return { comments, grants: [written(proposal, why, nowMs)] }
  })
}

/** Grants that permissions suggest. */
export function hintedGrants(proposals: readonly Proposal[], nowMs: number): WrittenGrant[] {
  return proposals.map((proposal) => {
    const permissions = [
      ...new Set(proposal.missing.flatMap((permission) => permission.permissions)),
    ]
    const comments = [`${about(proposal)}: ${permissions.join(', ')}`, ...beside(proposal)]
    const [first, ...more] = permissions
    const others = more.length === 0 ? '' : ` and ${more.length} more`
    const why = `modulePermissions of its descriptor hold ${first}${others}; not seen called`
    return { comments, grants: [written(proposal, why, nowMs)] }
  })
}

/**
 * Grants for the supertenant, for each caller that was refused it, and what no grant opens. A caller
 * that the present policy allows it gets none.
 */
export function tenantGrants(
  source: PolicySource,
  usages: readonly TenantUsage[],
  nowMs: number,
): { grants: WrittenGrant[]; unmet: string[] } {
  const inForce = grantsInForce(source).filter(
    ({ opens, untilMs }) =>
      opens.kind === 'tenants' && opens.tenants.includes(SUPERTENANT) && untilMs > nowMs,
  )
  const granted = ({ caller, at }: TenantUsage) =>
    inForce.some((grant) => isFor(grant, parseCaller(caller)) && isAt(grant, at))
  const isOpenable = ({ caller, tenant }: TenantUsage) =>
    caller !== 'public' && tenant.toLowerCase() === SUPERTENANT
  const place = ({ at }: TenantUsage) => (isOkapi(at) ? 'okapi' : productOf(at))
  const all = usages.filter((usage) => !granted(usage))
  const groups = Map.groupBy(all.filter(isOpenable), (usage) => {
    const { kind } = parseCaller(usage.caller)
    return `${kind === 'module' ? productOf(usage.caller) : usage.caller} ${place(usage)}`
  })
  const grants = [...groups].sort().map(([key, group]): WrittenGrant => {
    const [caller, at] = key.split(' ')
    const { count, firstMs, lastMs } = mergedEvidence(group)
    const routes = [...new Set(group.map(({ method, route }) => `${method} ${route}`))].sort()
    const seen = `first ${new Date(firstMs).toISOString()}, last ${new Date(lastMs).toISOString()}`
    const comments = [
      `the supertenant, refused ${times(count)}, ${seen}: ${routes.join('; ')}`,
      'the superuser is a user there: a module that may act for it is trusted with all tenants',
      'for mod-login and mod-authtoken policy.knownGrants: [supertenant] has it',
    ]
    const why = `refused the supertenant ${times(count)} between ${day(firstMs)} and ${day(lastMs)}`
    const until = day(nowMs + LIFE_MS)
    return { comments, grants: [{ caller, at, tenants: [SUPERTENANT], why, until }] }
  })
  const unmet = all
    .filter((usage) => !isOpenable(usage) && !isOrdinaryTenant(usage.tenant))
    .map(
      ({ caller, method, route, tenant, count }) =>
        `not covered: ${caller} ${method} ${route} for tenant ${tenant} (${times(count)})`,
    )
  return { grants, unmet }
}

/** What no grant can open, and what is no longer installed. */
export function unmetLines(unmet: readonly MissingPermission[], lost: readonly Usage[]): string[] {
  return [
    ...unmet.map(
      ({ caller, method, question }) =>
        `not covered, no grant opens it: ${caller} ${method} ${question.route.pattern.text}`,
    ),
    ...lost.map(
      ({ caller, method, route, count }) =>
        `not covered, caller or route is not installed: ${caller} ${method} ${route} (${times(count)})`,
    ),
  ]
}

/** A narrower grant for each that is wider than its use; declared interfaces are only reported. */
export function unusedGrants({
  rule,
  grant,
  callers,
  interface: id,
  used,
  unused,
}: UnusedRule): WrittenGrant {
  const all = methods(used) + methods(unused)
  const share = `${methods(used)} of ${all} routes used`
  const place = `${rule.file}#${rule.pointer ?? ''}`
  const idle = `unused: ${unused.map(routeWords).join('; ')}`
  if (grant === undefined) {
    const what = `${callers.join(', ')} ${rule.kind} \`${id}\` (${place})`
    return { comments: [`${what}: ${share}`, idle], grants: [] }
  }
  const what = `grant of ${opensText(grant.opens)} to ${grant.caller} at ${grant.at} (${place})`
  if (used.length === 0) return { comments: [`${what}: never used, remove it`], grants: [] }
  if ((['admin', 'tenants', 'tokens'] as string[]).includes(grant.opens.kind)) {
    return { comments: [`${what}: ${share}`, idle], grants: [] }
  }
  const narrower = used.map((route) => ({
    caller: grant.caller,
    at: grant.at,
    methods: route.methods,
    path: route.pathPattern,
    why: grant.why,
    ...(Number.isFinite(grant.untilMs) ? { until: untilText(grant.untilMs) } : {}),
  }))
  return { comments: [`in the place of the ${what}: ${share}`, idle], grants: narrower }
}

function about({ missing, opens }: Proposal): string {
  const providers = new Set(missing.map(({ question }) => idOf(question.route.module)))
  const parts = new Set(
    missing.map(({ question }) =>
      partText({ interface: question.route.interface, kind: 'handler' }),
    ),
  )
  const whole = 'interface' in opens ? 'all of ' : ''
  return `${whole}${[...parts].join(', ')} of ${[...providers].join(', ')}`
}

function beside({ also }: Proposal): string[] {
  return also.map((opening) => `mind: it also opens ${routeText(opening)} of ${opening.provider}`)
}

function written({ caller, opens }: Proposal, why: string, nowMs: number): object {
  return { caller, at: 'okapi', ...opens, why, until: day(nowMs + LIFE_MS) }
}

/** As written: a bare date includes the whole day. */
function untilText(ms: number): string {
  return ms % DAY_MS === 0 ? day(ms - 1) : new Date(ms).toISOString()
}

function routeWords({ methods: list, pathPattern }: RouteUse): string {
  return `${list.join(',')} ${pathPattern}`
}

function methods(routes: readonly RouteUse[]): number {
  return routes.reduce((sum, route) => sum + route.methods.length, 0)
}

function countOf({ usage }: MissingPermission): number {
  return usage?.count ?? 0
}

export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

/** Grants to be written, with notes for the reviewer. */
export interface WrittenGrant {
  readonly comments: readonly string[]
  /** Empty: there are only notes. */
  readonly grants: readonly object[]
}

/** A valid file of grants; the comment above each is for its reviewer. */
export function grantsYaml(heading: readonly string[], written: readonly WrittenGrant[]): string {
  const blocks = written.map(({ comments, grants }) => `${comment(comments)}${items(grants)}`)
  // A file without grants must still be a list.
  const none = written.every(({ grants }) => grants.length === 0) ? ['[]\n'] : []
  return [comment(heading), ...blocks, ...none].join('\n')
}

function items(grants: readonly object[]): string {
  if (grants.length === 0) return ''
  const document = new Document(grants)
  visit(document, {
    Seq(key, node) {
      if (key !== null && isSeq(node)) node.flow = true
    },
  })
  return document.toString({ lineWidth: 100, flowCollectionPadding: false })
}

function comment(lines: readonly string[]): string {
  // Text from others (names in descriptors or a log) must not end the comment.
  const clean = lines.map((line) => line.replaceAll(/[^\x20-\x7e’]/g, '?'))
  return clean
    .flatMap((line) => wrap(line, 98).map((part, i) => `# ${i === 0 ? '' : '  '}${part}\n`))
    .join('')
}

/** `2027-01-31`, UTC. */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
