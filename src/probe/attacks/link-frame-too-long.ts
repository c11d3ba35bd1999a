import { brokenLink } from '../link/broken-link.ts'
import { frame, TYPE } from '../link/frames.ts'

export const linkFrameTooLong = brokenLink({
  id: 'link-frame-too-long',
  title: 'a frame longer than any may be',
  meaning: 'Whoever says how long a frame is decides how much memory is held for it.',
  remedy: 'Close the link at the first frame that does not fit.',
  // Its whole payload comes too: nobody can say that the rest was only awaited.
  frames: () => frame(TYPE.ping, 0, Buffer.alloc(0xffff)),
})
