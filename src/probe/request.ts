import type { Context } from './context.ts'

/** Header lines as they go out: order, case and repetition are the attack's own. */
export type Lines = readonly (readonly [string, string])[]

/** What an attack says; every byte of it is kept. */
export interface Message {
  readonly method?: string
  readonly target: string
  readonly version?: string
  readonly lines?: Lines
  readonly body?: string
}

/** The bytes of one request, without any care for whether they make sense. Latin-1. */
export function request({ method = 'GET', target, version = '1.1', lines = [], body }: Message) {
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${method} ${target} HTTP/${version}\r\n${head}\r\n${body ?? ''}`, 'latin1')
}

/** Of a context, what the lines of an honest request are made of. */
export type Sender = Pick<Context, 'target' | 'tenant' | 'token'>

/** The lines of an honest request: were it refused for one of them, that would prove nothing. */
export function honest({ target, tenant, token }: Sender): Lines {
  return [
    ['Host', hostLine(target)],
    ['Accept', 'application/json'],
    ['X-Okapi-Tenant', tenant],
    ...(token === undefined ? [] : [['X-Okapi-Token', token] as const]),
  ]
}

/** `lines` with a JSON body's own two lines behind. */
export function withJson(lines: Lines, body: string): Lines {
  const length = String(Buffer.byteLength(body, 'latin1'))
  return [...lines, ['Content-Type', 'application/json'], ['Content-Length', length]]
}

/** How the target is called in a Host line. */
export function hostLine({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
