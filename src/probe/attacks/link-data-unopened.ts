import { brokenLink } from '../link/broken-link.ts'
import { frame, TYPE } from '../link/frames.ts'

export const linkDataUnopened = brokenLink({
  id: 'link-data-unopened',
  title: 'DATA for an exchange that never was',
  meaning: 'Two sides that understand frames differently exchange requests that nobody judged.',
  remedy: 'Close the link at a frame for an exchange that was never opened.',
  frames: () => frame(TYPE.data, 77, 'nobody asked for this'),
})
