import type { Attack } from '../attack.ts'
import { badName } from '../attacks/bad-name.ts'
import { bareCrInValue } from '../attacks/bare-cr-in-value.ts'
import { bareLfInValue } from '../attacks/bare-lf-in-value.ts'
import { claimedIdentity } from '../attacks/claimed-identity.ts'
import { connectionListedTenant } from '../attacks/connection-listed-tenant.ts'
import { connectionListedToken } from '../attacks/connection-listed-token.ts'
import { duplicateAuthorization } from '../attacks/duplicate-authorization.ts'
import { duplicateHost } from '../attacks/duplicate-host.ts'
import { duplicateTenant } from '../attacks/duplicate-tenant.ts'
import { duplicateTenantCase } from '../attacks/duplicate-tenant-case.ts'
import { duplicateToken } from '../attacks/duplicate-token.ts'
import { emptyName } from '../attacks/empty-name.ts'
import { forgedAdditionalToken } from '../attacks/forged-additional-token.ts'
import { forgedAuthHeaders } from '../attacks/forged-auth-headers.ts'
import { forgedAuthResult } from '../attacks/forged-auth-result.ts'
import { forgedAuthtokenRefreshCache } from '../attacks/forged-authtoken-refresh-cache.ts'
import { forgedExtraPermissions } from '../attacks/forged-extra-permissions.ts'
import { forgedFilter } from '../attacks/forged-filter.ts'
import { forgedForwarded } from '../attacks/forged-forwarded.ts'
import { forgedForwardedClientCert } from '../attacks/forged-forwarded-client-cert.ts'
import { forgedForwardedFor } from '../attacks/forged-forwarded-for.ts'
import { forgedHandlerHeaders } from '../attacks/forged-handler-headers.ts'
import { forgedHandlerResult } from '../attacks/forged-handler-result.ts'
import { forgedMatchPathPattern } from '../attacks/forged-match-path-pattern.ts'
import { forgedModulePermissions } from '../attacks/forged-module-permissions.ts'
import { forgedModuleTokens } from '../attacks/forged-module-tokens.ts'
import { forgedOriginalUrl } from '../attacks/forged-original-url.ts'
import { forgedPermissions } from '../attacks/forged-permissions.ts'
import { forgedPermissionsDesired } from '../attacks/forged-permissions-desired.ts'
import { forgedPermissionsRequired } from '../attacks/forged-permissions-required.ts'
import { forgedRequestIp } from '../attacks/forged-request-ip.ts'
import { forgedRewriteUrl } from '../attacks/forged-rewrite-url.ts'
import { forgedStop } from '../attacks/forged-stop.ts'
import { forgedUnheardOf } from '../attacks/forged-unheard-of.ts'
import { forgedUrl } from '../attacks/forged-url.ts'
import { forgedUrlTo } from '../attacks/forged-url-to.ts'
import { forgedUserId } from '../attacks/forged-user-id.ts'
import { hugeHeader } from '../attacks/huge-header.ts'
import { manyHeaders } from '../attacks/many-headers.ts'
import { methodOverride } from '../attacks/method-override.ts'
import { noHost } from '../attacks/no-host.ts'
import { nulInValue } from '../attacks/nul-in-value.ts'
import { obsFold } from '../attacks/obs-fold.ts'
import { responseOkapiStop } from '../attacks/response-okapi-stop.ts'
import { sessionCookie } from '../attacks/session-cookie.ts'
import { spaceBeforeColon } from '../attacks/space-before-colon.ts'
import { underscoreTenant } from '../attacks/underscore-tenant.ts'

/** Header lines: forged, doubled, disguised. */
export const HEADERS: readonly Attack[] = [
  badName,
  bareCrInValue,
  bareLfInValue,
  claimedIdentity,
  connectionListedTenant,
  connectionListedToken,
  duplicateAuthorization,
  duplicateHost,
  duplicateTenantCase,
  duplicateTenant,
  duplicateToken,
  emptyName,
  forgedAdditionalToken,
  forgedAuthHeaders,
  forgedAuthResult,
  forgedAuthtokenRefreshCache,
  forgedExtraPermissions,
  forgedFilter,
  forgedForwardedClientCert,
  forgedForwardedFor,
  forgedForwarded,
  forgedHandlerHeaders,
  forgedHandlerResult,
  forgedMatchPathPattern,
  forgedModulePermissions,
  forgedModuleTokens,
  forgedOriginalUrl,
  forgedPermissionsDesired,
  forgedPermissionsRequired,
  forgedPermissions,
  forgedRequestIp,
  forgedRewriteUrl,
  forgedStop,
  forgedUnheardOf,
  forgedUrlTo,
  forgedUrl,
  forgedUserId,
  hugeHeader,
  manyHeaders,
  methodOverride,
  noHost,
  nulInValue,
  obsFold,
  responseOkapiStop,
  sessionCookie,
  spaceBeforeColon,
  underscoreTenant,
]
