import { brokenLink } from '../link/broken-link.ts'
import { frame, TYPE } from '../link/frames.ts'

export const linkFrameTooShort = brokenLink({
  id: 'link-frame-too-short',
  title: 'a CREDIT without its number',
  meaning: 'Two sides that understand frames differently exchange requests that nobody judged.',
  remedy: 'Close the link at the first frame that does not fit.',
  frames: () => frame(TYPE.credit, 0, Buffer.alloc(2)),
})
