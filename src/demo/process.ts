import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'

/** One request as a process of the demo received it. */
export interface ReceivedRequest {
  readonly method: string
  readonly target: string
  /** Raw names and values alternately, as from Node. */
  readonly headers: readonly string[]
}

/** The messages of a process on its standard output, one line of JSON each. */
export type ProcessMessage =
  | { readonly msg: 'ready'; readonly port: number }
  | { readonly msg: 'reply'; readonly ask: string; readonly value: unknown }

type Answerer = (argument: unknown) => unknown

/** The settings of the process, which its parent passes as one JSON argument. */
export function processSettings<T extends object>(defaults: T): T {
  const [text = '{}'] = process.argv.slice(2)
  const given: unknown = JSON.parse(text)
  return { ...defaults, ...(typeof given === 'object' ? given : {}) }
}

/**
 * Listens on loopback, prints the address, then answers the parent's questions. The process ends with
 * its standard input, so that it does not outlive a killed parent.
 */
export function listenAndAnswer(
  server: Server,
  port: number,
  answerers: Record<string, Answerer>,
): void {
  server.listen(port, '127.0.0.1', () => {
    send({ msg: 'ready', port: (server.address() as AddressInfo).port })
  })
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const { ask, argument }: { ask: string; argument?: unknown } = JSON.parse(line)
    send({ msg: 'reply', ask, value: answerers[ask]?.(argument) ?? null })
  })
  lines.on('close', () => process.exit(0))
  process.on('SIGINT', () => undefined)
}

function send(line: ProcessMessage): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
