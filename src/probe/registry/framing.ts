import type { Attack } from '../attack.ts'
import { bareLfHead } from '../attacks/bare-lf-head.ts'
import { chunkBareLf } from '../attacks/chunk-bare-lf.ts'
import { chunkDataSpill } from '../attacks/chunk-data-spill.ts'
import { chunkExtensionHuge } from '../attacks/chunk-extension-huge.ts'
import { chunkExtensionLf } from '../attacks/chunk-extension-lf.ts'
import { chunkSizeOverflow } from '../attacks/chunk-size-overflow.ts'
import { chunkSizeSign } from '../attacks/chunk-size-sign.ts'
import { expectContinue } from '../attacks/expect-continue.ts'
import { h2PriorKnowledge } from '../attacks/h2-prior-knowledge.ts'
import { h2cUpgrade } from '../attacks/h2c-upgrade.ts'
import { http09 } from '../attacks/http-0-9.ts'
import { httpVersion } from '../attacks/http-version.ts'
import { leadingSpaceLine } from '../attacks/leading-space-line.ts'
import { pipelinedRogue } from '../attacks/pipelined-rogue.ts'
import { smuggleClCl } from '../attacks/smuggle-cl-cl.ts'
import { smuggleClHuge } from '../attacks/smuggle-cl-huge.ts'
import { smuggleClList } from '../attacks/smuggle-cl-list.ts'
import { smuggleClSign } from '../attacks/smuggle-cl-sign.ts'
import { smuggleClSpace } from '../attacks/smuggle-cl-space.ts'
import { smuggleClTe } from '../attacks/smuggle-cl-te.ts'
import { smuggleTeCl } from '../attacks/smuggle-te-cl.ts'
import { smuggleTeObscured } from '../attacks/smuggle-te-obscured.ts'
import { smuggleTeSpace } from '../attacks/smuggle-te-space.ts'
import { smuggleTeTe } from '../attacks/smuggle-te-te.ts'
import { smuggleTeUnknown } from '../attacks/smuggle-te-unknown.ts'
import { smuggleTeVerticalTab } from '../attacks/smuggle-te-vertical-tab.ts'
import { spaceFirstLine } from '../attacks/space-first-line.ts'
import { stalledHead } from '../attacks/stalled-head.ts'

/** Smuggling: two readers, two numbers of requests. */
export const FRAMING: readonly Attack[] = [
  bareLfHead,
  chunkBareLf,
  chunkDataSpill,
  chunkExtensionHuge,
  chunkExtensionLf,
  chunkSizeOverflow,
  chunkSizeSign,
  expectContinue,
  h2PriorKnowledge,
  h2cUpgrade,
  http09,
  httpVersion,
  leadingSpaceLine,
  pipelinedRogue,
  smuggleClCl,
  smuggleClHuge,
  smuggleClList,
  smuggleClSign,
  smuggleClSpace,
  smuggleClTe,
  smuggleTeCl,
  smuggleTeObscured,
  smuggleTeSpace,
  smuggleTeTe,
  smuggleTeUnknown,
  smuggleTeVerticalTab,
  spaceFirstLine,
  stalledHead,
]
