import type { Access } from './tenant-table.ts'

/**
 * The expected result of an access, written from the rules in docs/tenants.md and sharing
 * nothing with src/: names of tenants are those of the table.
 */
export function whatShouldHappen(access: Access): string {
  const { place, tenant, token, operation, mode } = access
  // One value, and a name. Whatever the mode.
  if (tenant === 'duplicated') return '400 ambiguous-header'
  if (tenant === 'malformed') return '403 tenant-not-allowed'
  if (tenant === 'missing' && token === 'unreadable') return '403 tenant-not-allowed'
  const actsFor = tenantThatOkapiTakes(access)
  // What policy says, whatever the mode of the tenant guard.
  const isModule = place === 'module’s egress' || place === 'Okapi’s ingress'
  if (operation === 'admin' && place !== 'operator') return '403 admin-route'
  if (actsFor === 'supertenant' && place !== 'operator') return '403 tenant-not-allowed'
  if (token === 'other user') return '403 forbidden-header'
  if (mode === 'off') return 'passes'
  const reason = isModule ? forModule(access, actsFor) : forOther(access, actsFor)
  if (reason === '') return 'passes'
  return mode === 'report' ? `passes, would be ${reason}` : `403 ${reason}`
}

/** The header, else the token, else supertenant. */
function tenantThatOkapiTakes({ tenant, token }: Access): string {
  if (tenant !== 'missing') return tenant
  if (token === 'none') return 'supertenant'
  return token.startsWith('of ') ? token.slice(3) : 'member'
}

function forModule(access: Access, actsFor: string): string {
  const { token, operation, served } = access
  if (token === 'none' || token === 'unreadable') {
    return served !== 'not served' || operation === 'login' ? '' : 'tenant-not-allowed'
  }
  const from = token.startsWith('of ') ? token.slice(3) : actsFor
  if (from === actsFor || crosses(access, from, actsFor)) return ''
  // It forwards what Okapi brought: that stays inside the consortium.
  const handsOn = served === 'served with this token' && inOneConsortium(from, actsFor)
  return handsOn ? '' : 'tenant-mismatch'
}

function forOther(access: Access, actsFor: string): string {
  const { token } = access
  const from = token.startsWith('of ') ? token.slice(3) : actsFor
  return from === actsFor || crosses(access, from, actsFor) ? '' : 'tenant-mismatch'
}

function crosses({ right }: Access, from: string, to: string): boolean {
  if (right === 'may not' || !inOneConsortium(from, to)) return false
  return right === 'may' || (from === 'central' && to !== 'central')
}

function inOneConsortium(one: string, other: string): boolean {
  const all = ['central', 'member', 'other member']
  return all.includes(one) && all.includes(other)
}
