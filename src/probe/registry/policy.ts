import type { Attack } from '../attack.ts'
import { adminImportSql } from '../attacks/admin-import-sql.ts'
import { adminRmb } from '../attacks/admin-rmb.ts'
import { authtokenDirect } from '../attacks/authtoken-direct.ts'
import { interfaceNotRequired } from '../attacks/interface-not-required.ts'
import { invokeAdmin } from '../attacks/invoke-admin.ts'
import { invokeClosed } from '../attacks/invoke-closed.ts'
import { methodConnect } from '../attacks/method-connect.ts'
import { methodHead } from '../attacks/method-head.ts'
import { methodLowerCase } from '../attacks/method-lower-case.ts'
import { methodOptions } from '../attacks/method-options.ts'
import { methodTrace } from '../attacks/method-trace.ts'
import { methodUnknown } from '../attacks/method-unknown.ts'
import { okapiDeployment } from '../attacks/okapi-deployment.ts'
import { okapiDiscovery } from '../attacks/okapi-discovery.ts'
import { okapiEnv } from '../attacks/okapi-env.ts'
import { okapiHealth } from '../attacks/okapi-health.ts'
import { okapiImport } from '../attacks/okapi-import.ts'
import { okapiInstall } from '../attacks/okapi-install.ts'
import { okapiProxyModules } from '../attacks/okapi-proxy-modules.ts'
import { okapiProxyTenants } from '../attacks/okapi-proxy-tenants.ts'
import { okapiTimers } from '../attacks/okapi-timers.ts'
import { okapiVersionMismatch } from '../attacks/okapi-version-mismatch.ts'
import { tenantJob } from '../attacks/tenant-job.ts'
import { tenantPermissions } from '../attacks/tenant-permissions.ts'
import { tenantPurge } from '../attacks/tenant-purge.ts'
import { timerRoute } from '../attacks/timer-route.ts'
import { undeclaredRoute } from '../attacks/undeclared-route.ts'
import { wrongModule } from '../attacks/wrong-module.ts'

/** Identity and policy: who may call what. */
export const POLICY: readonly Attack[] = [
  adminImportSql,
  adminRmb,
  authtokenDirect,
  interfaceNotRequired,
  invokeAdmin,
  invokeClosed,
  methodConnect,
  methodHead,
  methodLowerCase,
  methodOptions,
  methodTrace,
  methodUnknown,
  okapiDeployment,
  okapiDiscovery,
  okapiEnv,
  okapiHealth,
  okapiImport,
  okapiInstall,
  okapiProxyModules,
  okapiProxyTenants,
  okapiTimers,
  okapiVersionMismatch,
  tenantJob,
  tenantPermissions,
  tenantPurge,
  timerRoute,
  undeclaredRoute,
  wrongModule,
]
