import type { Attack } from '../attack.ts'
import { invokeTenantMismatch } from '../attacks/invoke-tenant-mismatch.ts'
import { supertenantImplied } from '../attacks/supertenant-implied.ts'
import { supertenantNamed } from '../attacks/supertenant-named.ts'
import { userIdAgainstToken } from '../attacks/user-id-against-token.ts'

/** Tenants and tokens. */
export const TENANTS: readonly Attack[] = [
  invokeTenantMismatch,
  supertenantImplied,
  supertenantNamed,
  userIdAgainstToken,
]
