import type { Attack } from './attack.ts'
import { adminImportSql } from './attacks/admin-import-sql.ts'
import { authtokenDirect } from './attacks/authtoken-direct.ts'
import { foreignCa } from './attacks/foreign-ca.ts'
import { forgedPermissions } from './attacks/forged-permissions.ts'
import { forgedUserId } from './attacks/forged-user-id.ts'
import { interfaceNotRequired } from './attacks/interface-not-required.ts'
import { noCertificate } from './attacks/no-certificate.ts'
import { okapiProxyTenants } from './attacks/okapi-proxy-tenants.ts'
import { pathEncodedSlash } from './attacks/path-encoded-slash.ts'
import { responseOkapiStop } from './attacks/response-okapi-stop.ts'
import { smuggleClTe } from './attacks/smuggle-cl-te.ts'
import { tenantPurge } from './attacks/tenant-purge.ts'
import { wrongModule } from './attacks/wrong-module.ts'

/** Every attack there is, in the order of the report. */
export const ATTACKS: readonly Attack[] = [
  noCertificate,
  foreignCa,
  wrongModule,
  authtokenDirect,
  tenantPurge,
  adminImportSql,
  interfaceNotRequired,
  okapiProxyTenants,
  pathEncodedSlash,
  forgedUserId,
  forgedPermissions,
  responseOkapiStop,
  smuggleClTe,
]
