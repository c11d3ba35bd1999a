import type { Attack } from './attack.ts'
import { AROUND } from './registry/around.ts'
import { FRAMING } from './registry/framing.ts'
import { HEADERS } from './registry/headers.ts'
import { LINK } from './registry/link.ts'
import { POLICY } from './registry/policy.ts'
import { TARGET } from './registry/target.ts'
import { TENANTS } from './registry/tenants.ts'
import { TLS } from './registry/tls.ts'

/** Every attack there is, in the order of the report. */
export const ATTACKS: readonly Attack[] = [
  ...TLS,
  ...POLICY,
  ...TARGET,
  ...HEADERS,
  ...FRAMING,
  ...TENANTS,
  ...LINK,
  ...AROUND,
]
