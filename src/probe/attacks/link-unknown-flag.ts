import { brokenLink } from '../link/broken-link.ts'
import { FLAG, frame, TYPE } from '../link/frames.ts'

export const linkUnknownFlag = brokenLink({
  id: 'link-unknown-flag',
  title: 'a flag that means nothing',
  meaning: 'Two sides that understand frames differently exchange requests that nobody judged.',
  remedy: 'Close the link at the first frame that does not fit.',
  frames: () => frame(TYPE.ping, 0, Buffer.alloc(8), { flags: FLAG.ack | 0x80 }),
})
