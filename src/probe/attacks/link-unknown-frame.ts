import { brokenLink } from '../link/broken-link.ts'
import { frame } from '../link/frames.ts'

export const linkUnknownFrame = brokenLink({
  id: 'link-unknown-frame',
  title: 'a frame of an unknown type',
  meaning: 'Two sides that understand frames differently exchange requests that nobody judged.',
  remedy: 'Close the link at the first frame that does not fit.',
  frames: () => frame(0x1f, 0, 'what'),
})
