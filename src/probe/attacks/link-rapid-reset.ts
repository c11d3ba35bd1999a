import { forWriting } from '../context.ts'
import { honest, request } from '../http.ts'
import { brokenLink } from '../link/broken-link.ts'
import { FLAG, frame, TYPE } from '../link/frames.ts'

const EXCHANGES = 1500

/** What CVE-2023-44487 is to HTTP/2: each costs the caller two frames, and the callee a request. */
export const linkRapidReset = brokenLink({
  id: 'link-rapid-reset',
  title: 'exchanges opened and cancelled at once',
  meaning: 'One caller makes the module work for answers that nobody awaits, without any limit.',
  remedy: 'Give cancelled exchanges a budget, and close the link beyond it.',
  exchange: 1,
  frames: (context) => {
    // For a tenant that does not exist: it is meant to be refused early behind the door, too.
    const lines = honest(forWriting(context))
    const head = request({ target: context.ordinaryPath, lines })
    const pairs = Array.from({ length: EXCHANGES }, (_, i) => [
      frame(TYPE.open, 2 * i + 1, head, { flags: FLAG.end }),
      frame(TYPE.reset, 2 * i + 1, Buffer.of(1)),
    ])
    return Buffer.concat(pairs.flat())
  },
})
