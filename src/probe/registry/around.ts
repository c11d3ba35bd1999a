import type { Attack } from '../attack.ts'
import { adminAction } from '../attacks/admin-action.ts'
import { adminTells } from '../attacks/admin-tells.ts'
import { egressFromOutside } from '../attacks/egress-from-outside.ts'
import { modulePort } from '../attacks/module-port.ts'
import { plainAdministration } from '../attacks/plain-administration.ts'
import { plainStranger } from '../attacks/plain-stranger.ts'
import { plainSupertenant } from '../attacks/plain-supertenant.ts'
import { statusFromOutside } from '../attacks/status-from-outside.ts'
import { statusHostName } from '../attacks/status-host-name.ts'

/** Around the sidecar: the ports beside it. */
export const AROUND: readonly Attack[] = [
  adminAction,
  adminTells,
  egressFromOutside,
  modulePort,
  plainAdministration,
  plainStranger,
  plainSupertenant,
  statusFromOutside,
  statusHostName,
]
