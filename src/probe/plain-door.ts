import { beside } from './around.ts'
import type { Context } from './context.ts'
import type { Finding } from './finding.ts'
import { type Answer, header, type Message } from './http.ts'

/** One call to the migration door: whatever is not a sidecar's own no came from behind it. */
export function atPlainDoor(context: Context, message: Message): Promise<Finding> {
  return beside(context, context.ports.plain, message, fromBehind)
}

function fromBehind(answer: Answer): boolean {
  return header(answer, 'x-sidecar-refused') === undefined
}
