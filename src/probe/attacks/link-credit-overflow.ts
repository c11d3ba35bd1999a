import { honest, request } from '../http.ts'
import { brokenLink } from '../link/broken-link.ts'
import { frame, TYPE } from '../link/frames.ts'

export const linkCreditOverflow = brokenLink({
  id: 'link-credit-overflow',
  title: 'credit without end',
  meaning: 'One caller makes the sidecar hold as much as the module can send.',
  remedy: 'Close the link when credit goes beyond the window.',
  exchange: 1,
  frames: (context) => {
    const lines = [...honest(context), ['Content-Length', '2'] as const]
    const head = request({ target: context.ordinaryPath, lines })
    const credit = Buffer.alloc(4, 0xff)
    return Buffer.concat([frame(TYPE.open, 1, head), frame(TYPE.credit, 1, credit)])
  },
})
