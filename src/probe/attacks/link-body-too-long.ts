import { hidden } from '../framing-trick.ts'
import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkBodyTooLong = linkedCall({
  id: 'link-body-too-long',
  title: 'more DATA than Content-Length says',
  meaning: 'What is too much is the next request on the connection behind.',
  remedy: 'Count the DATA of an exchange against its head, and cut what does not agree.',
  message: (context) => {
    const lines = [...honest(context), ['Content-Length', '2'] as const]
    return {
      head: request({ target: context.ordinaryPath, lines }),
      body: `{}${hidden(context)}`,
    }
  },
})
