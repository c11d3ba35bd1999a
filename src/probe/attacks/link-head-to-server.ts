import { brokenLink } from '../link/broken-link.ts'
import { FLAG, frame, TYPE } from '../link/frames.ts'

export const linkHeadToServer = brokenLink({
  id: 'link-head-to-server',
  title: 'an answer where requests are taken',
  meaning: 'A caller answers in the name of the module that it calls.',
  remedy: 'Close the link at the first frame that does not fit.',
  frames: () =>
    frame(TYPE.head, 1, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', { flags: FLAG.end }),
})
