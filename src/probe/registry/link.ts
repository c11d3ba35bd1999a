import type { Attack } from '../attack.ts'
import { linkBodyTooLong } from '../attacks/link-body-too-long.ts'
import { linkClTe } from '../attacks/link-cl-te.ts'
import { linkClosedRoute } from '../attacks/link-closed-route.ts'
import { linkCreditOverflow } from '../attacks/link-credit-overflow.ts'
import { linkDataUnopened } from '../attacks/link-data-unopened.ts'
import { linkFrameTooLong } from '../attacks/link-frame-too-long.ts'
import { linkFrameTooShort } from '../attacks/link-frame-too-short.ts'
import { linkHeadToServer } from '../attacks/link-head-to-server.ts'
import { linkIdsFall } from '../attacks/link-ids-fall.ts'
import { linkNoCertificate } from '../attacks/link-no-certificate.ts'
import { linkPathTrick } from '../attacks/link-path-trick.ts'
import { linkPingFlood } from '../attacks/link-ping-flood.ts'
import { linkRapidReset } from '../attacks/link-rapid-reset.ts'
import { linkRogueBehindGood } from '../attacks/link-rogue-behind-good.ts'
import { linkStalledFrame } from '../attacks/link-stalled-frame.ts'
import { linkTwoHeads } from '../attacks/link-two-heads.ts'
import { linkTwoTenants } from '../attacks/link-two-tenants.ts'
import { linkUnknownFlag } from '../attacks/link-unknown-flag.ts'
import { linkUnknownFrame } from '../attacks/link-unknown-frame.ts'

/** The link: many exchanges over one connection between two sidecars. */
export const LINK: readonly Attack[] = [
  linkBodyTooLong,
  linkClTe,
  linkClosedRoute,
  linkCreditOverflow,
  linkDataUnopened,
  linkFrameTooLong,
  linkFrameTooShort,
  linkHeadToServer,
  linkIdsFall,
  linkNoCertificate,
  linkPathTrick,
  linkPingFlood,
  linkRapidReset,
  linkRogueBehindGood,
  linkStalledFrame,
  linkTwoHeads,
  linkTwoTenants,
  linkUnknownFlag,
  linkUnknownFrame,
]
