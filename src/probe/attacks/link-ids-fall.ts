import { honest, request } from '../http.ts'
import { brokenLink } from '../link/broken-link.ts'
import { FLAG, frame, TYPE } from '../link/frames.ts'

export const linkIdsFall = brokenLink({
  id: 'link-ids-fall',
  title: 'exchanges whose ids go back',
  meaning: 'A frame for one exchange is taken for another.',
  remedy: 'Close the link when an OPEN does not rise.',
  frames: (context) => {
    const head = request({ target: context.ordinaryPath, lines: honest(context) })
    const flags = FLAG.end
    return Buffer.concat([
      frame(TYPE.open, 9, head, { flags }),
      frame(TYPE.open, 7, head, { flags }),
    ])
  },
})
