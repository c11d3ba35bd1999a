import { methodIndex } from '../folio/descriptor.ts'
import { isTenantName, readInvocation, SUPERTENANT } from '../folio/tenant.ts'
import { ADMINISTRATION, isAdministration, isNeverOpen } from './administration.ts'
import { BaseAuthorizer } from './base-authorizer.ts'
import {
  type Allow,
  allow,
  DEFAULT_RULE,
  type Decision,
  type Deny,
  deny,
  denyRedirect,
  type PolicyRequest,
  printable,
} from './decision.ts'
import { opensText, proposedGrant } from './grants.ts'
import { decideInterfaces } from './interface-decision.ts'
import { entitlementByGrant } from './rights.ts'
import { NO_HIT } from './route-table.ts'
import { mayAnswer, statusOfUndeclared } from './routes.ts'

/** Okapi's ingress: callers call interfaces of modules, or Okapi's own administration. */
export class OkapiAuthorizer extends BaseAuthorizer {
  readonly #checksTenant = this.caller.kind === 'module' || this.caller.kind === 'public'
  readonly #preflight = allow(
    { ...this.emptyRequest(), method: 'OPTIONS', path: '*' },
    DEFAULT_RULE,
    'Okapi answers preflights itself: an OPTIONS with Origin and Access-Control-Request-Method',
  )

  protected override get ingress(): string {
    return 'okapi'
  }

  protected override findBlanketDenial(): Deny | undefined {
    const { kind } = this.caller
    if (kind === 'none') return this.denyCaller('it proved no identity')
    if (kind === 'public') return undefined
    if (kind === 'module') return this.unknownModule()
    if (this.rights.granted) return undefined
    const opens = 'interface | methods+path | admin | profile'
    const wouldAllow = proposedGrant(this.name, 'okapi', opens)
    return this.denyCaller('no grant opens anything to it', wouldAllow)
  }

  protected override decideRequest(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
    preflight: boolean,
  ): Decision {
    const asksPermission = preflight && method === 'OPTIONS' && this.caller.kind === 'public'
    if (isAdministration(bytes, start, end)) {
      if (isNeverOpen(bytes, start, end)) return this.#never(method, printable(bytes, start, end))
      if (asksPermission) return this.#preflight
      const decision = this.#administration(method, bytes, start, end, tenant, moduleId)
      return decision.allow ? (this.#redirected(method, bytes, start, end) ?? decision) : decision
    }
    if (asksPermission) return this.#preflight
    return this.#ordinary(method, bytes, start, end, tenant, moduleId)
  }

  #ordinary(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
  ): Decision {
    const { proxy, multiple } = this.model.routes
    const table = moduleId === undefined ? proxy : multiple.get(moduleId)
    const index = methodIndex(method)
    const hit = table === undefined ? NO_HIT : table.find(bytes, start, end, 1 << index)
    if (table === undefined || hit === NO_HIT) {
      return this.#undeclared(method, bytes, start, end, moduleId)
    }
    const granted = this.rights.paths.find(bytes, start, end, 1 << index)
    const known = this.cache.get(table, hit, granted, index)
    const decision = known ?? this.#decideHit(method, table.routes(hit), granted)
    if (known === undefined) this.cache.keep(table, hit, granted, index, decision)
    return decision.allow ? this.#forTenant(decision, method, tenant) : decision
  }

  #decideHit(
    method: string,
    matching: Parameters<typeof decideInterfaces>[2],
    granted: number,
  ): Decision {
    const bit = 1 << methodIndex(method)
    const byPath = this.rights.paths
      .routes(granted)
      .filter(({ mask }) => (mask & bit) !== 0)
      .map(({ grant }) => entitlementByGrant(grant))
    return decideInterfaces(this.model, this.rights, mayAnswer(matching, bit), byPath, {
      method,
      at: this.at,
    })
  }

  #administration(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    tenant: string | undefined,
    moduleId: string | undefined,
  ): Decision {
    const index = methodIndex(method)
    const granted = this.rights.administration.find(bytes, start, end, 1 << index)
    const invocation = readInvocation(bytes, start, end)
    if (invocation === undefined) {
      const hit = ADMINISTRATION.find(bytes, start, end, 1 << index)
      if (hit === NO_HIT && granted === NO_HIT)
        return this.#shut(method, printable(bytes, start, end))
      const known = this.cache.get(ADMINISTRATION, hit, granted, index)
      const decision = known ?? this.#decideAdministration(method, hit, granted)
      if (known === undefined) this.cache.keep(ADMINISTRATION, hit, granted, index, decision)
      return decision.allow ? this.#forTenant(decision, method, tenant) : decision
    }
    const { tenant: invoked, rest } = invocation
    // REST enters Okapi's whole router again, its administration included: never.
    if (isAdministration(bytes, rest, end)) return this.#never(method, printable(bytes, start, end))
    if (granted === NO_HIT) return this.#shut(method, printable(bytes, start, end))
    // Okapi takes it from the path without decoding; other characters are not allowed in a tenant.
    if (!isTenantName(invoked)) return this.#tenantRefused(null, method, invoked)
    return this.#ordinary(method, bytes, rest, end, invoked, moduleId)
  }

  /** A redirect can also match requests for Okapi's administration. */
  #redirected(method: string, bytes: Uint8Array, start: number, end: number): Deny | undefined {
    const { redirects } = this.model.routes
    const hit = redirects.find(bytes, start, end, 1 << methodIndex(method))
    return hit === NO_HIT
      ? undefined
      : denyRedirect(redirects.routes(hit), { ...this.emptyRequest(), method })
  }

  #decideAdministration(method: string, hit: number, granted: number): Decision {
    const bit = 1 << methodIndex(method)
    const admin = ADMINISTRATION.routes(hit).find(({ mask }) => (mask & bit) !== 0)
    const byPath = this.rights.administration.routes(granted).find(({ mask }) => (mask & bit) !== 0)
    const grant = (admin && this.rights.admin.get(admin.group)) ?? byPath?.grant
    const path = admin?.pattern.text ?? byPath?.pattern.text ?? ''
    if (grant === undefined) return this.#shut(method, path)
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    const opened = `a grant opens ${opensText(grant.opens)} to it (${grant.why})`
    const made = allow(asked, entitlementByGrant(grant).rule, opened)
    const methods = admin?.methods ?? [method]
    return { ...made, route: { methods, pathPattern: path }, routePattern: path }
  }

  #forTenant(decision: Allow, method: string, tenant: string | undefined): Decision {
    if (tenant !== SUPERTENANT || !this.#checksTenant || this.rights.supertenant) return decision
    return this.#tenantRefused(decision, method, tenant)
  }

  #tenantRefused(decision: Allow | null, method: string, tenant: string): Deny {
    const grant = proposedGrant(this.name, 'okapi', `tenants: [${SUPERTENANT}]`)
    const wouldAllow = `another tenant, or ${grant}`
    const why = 'is closed to it without a grant'
    return this.denyTenant(method, tenant, decision, why, wouldAllow)
  }

  #shut(method: string, path: string): Deny {
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    const why = 'Okapi’s administration is closed to it, and no grant allows it'
    const form =
      this.caller.kind === 'operator'
        ? 'admin: [GROUP] | profile: NAME'
        : `methods: [${method}], path: ${path}`
    const wouldAllow = proposedGrant(this.name, 'okapi', form)
    return deny(asked, 'admin-route', why, { wouldAllow })
  }

  #never(method: string, path: string): Deny {
    const asked: PolicyRequest = { ...this.emptyRequest(), method, path }
    return deny(asked, 'admin-route', 'Okapi’s ingress never allows this, even with a grant')
  }

  #undeclared(
    method: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    moduleId: string | undefined,
  ): Deny {
    const { proxy, multiple } = this.model.routes
    const path = printable(bytes, start, end)
    const status = statusOfUndeclared(this.model.routes, bytes, start, end)
    const why =
      moduleId === undefined
        ? 'no installed module declares it'
        : `X-Okapi-Module-Id names ${moduleId.slice(0, 100)}, which declares no such \`multiple\` route`
    const nearest = () => {
      const table = moduleId === undefined ? proxy : multiple.get(moduleId)
      const raw = Buffer.from(path)
      const [other] = mayAnswer(table?.routes(table.find(raw, 0, raw.length, -1)) ?? [], -1)
      return other === undefined ? null : `${other.methods.join(',')} ${other.pattern.text}`
    }
    return this.denyUndeclared({ ...this.emptyRequest(), method, path }, why, nearest, status)
  }
}
