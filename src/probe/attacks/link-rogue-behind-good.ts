import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkRogueBehindGood = linkedCall({
  id: 'link-rogue-behind-good',
  title: 'a forbidden call beside an allowed one',
  meaning: 'The verdict on one exchange is used for its neighbour.',
  remedy: 'Keep nothing of one exchange for the next.',
  before: (context) => request({ target: context.ordinaryPath, lines: honest(context) }),
  message: (context) => ({
    head: request({ target: '/_/proxy/tenants', lines: honest(context) }),
  }),
})
