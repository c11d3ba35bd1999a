import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'

/** One request as a part of the demo received it: what reached it, and by what name it came. */
export interface Seen {
  readonly method: string
  readonly target: string
  /** Raw names and values in turn, as Node gives them. */
  readonly headers: readonly string[]
}

/** What a part says on its standard output, one line of JSON each. */
export type Report =
  | { readonly msg: 'ready'; readonly port: number }
  | { readonly msg: 'reply'; readonly ask: string; readonly value: unknown }

type Answerer = (argument: unknown) => unknown

/** The part's settings, which its parent passes as one JSON argument. */
export function settings<T extends object>(defaults: T): T {
  const [text = '{}'] = process.argv.slice(2)
  const given: unknown = JSON.parse(text)
  return { ...defaults, ...(typeof given === 'object' ? given : {}) }
}

/**
 * Listens on loopback, says where, then answers the parent's questions. The end of standard input is
 * the end of the part, so that none outlives a parent that was killed.
 */
export function open(server: Server, port: number, answerers: Record<string, Answerer>): void {
  server.listen(port, '127.0.0.1', () => {
    report({ msg: 'ready', port: (server.address() as AddressInfo).port })
  })
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const { ask, argument }: { ask: string; argument?: unknown } = JSON.parse(line)
    report({ msg: 'reply', ask, value: answerers[ask]?.(argument) ?? null })
  })
  lines.on('close', () => process.exit(0))
  process.on('SIGINT', () => undefined)
}

function report(line: Report): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
