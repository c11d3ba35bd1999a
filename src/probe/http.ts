import type { Context } from './context.ts'

/** One HTTP answer, parsed leniently because the target may be any kind of server. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  /** False while its end has not arrived. */
  readonly whole: boolean
}

/** The first value of a header, whatever its case. */
export function header(answer: HttpAnswer, name: string): string | undefined {
  const wanted = name.toLowerCase()
  return answer.headers.find(([key]) => key.toLowerCase() === wanted)?.[1]
}

/**
 * The final answers in `bytes`, in order; informational ones (RFC 9110 section 15.2) are skipped.
 * `methods` are those of the requests, because an answer to HEAD has no body. `ended`: nothing follows.
 */
export function answers(bytes: Buffer, methods: readonly string[], ended: boolean): HttpAnswer[] {
  const text = bytes.toString('latin1')
  const found: HttpAnswer[] = []
  let at = text.startsWith('HTTP/') ? 0 : -1
  while (at >= 0 && at < text.length) {
    const head = readHead(text, at)
    if (head === undefined) break
    at = head.end
    if (head.status >= 100 && head.status < 200 && head.status !== 101) continue
    const body = isBodiless(head, methods[found.length])
      ? { body: '', end: at, whole: true }
      : readBody(text, head, ended)
    found.push({ status: head.status, headers: head.headers, body: body.body, whole: body.whole })
    if (!body.whole || head.status === 101) break
    at = text.startsWith('HTTP/', body.end) ? body.end : -1
  }
  return found
}

/** RFC 9110 section 6.4.1: no content follows the head, even if a length is given. */
function isBodiless({ status }: Head, method: string | undefined): boolean {
  if (method === 'HEAD' || status === 101 || status === 204 || status === 304) return true
  return method === 'CONNECT' && status >= 200 && status < 300
}

interface Head {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly end: number
}

function readHead(text: string, from: number): Head | undefined {
  const end = text.indexOf('\r\n\r\n', from)
  if (end < 0) return undefined
  const [first = '', ...lines] = text.slice(from, end).split('\r\n')
  const status = Number(/^HTTP\/\d(?:\.\d)? (\d{3})/.exec(first)?.[1] ?? 0)
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  return { status, headers, end: end + 4 }
}

function readBody(text: string, { headers, end }: Head, ended: boolean) {
  const value = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1]
  if (value('transfer-encoding')?.toLowerCase().includes('chunked') === true) {
    return readChunks(text, end)
  }
  const length = value('content-length')
  if (length === undefined) return { body: text.slice(end), end: text.length, whole: ended }
  const stop = end + Number(length)
  return { body: text.slice(end, stop), end: stop, whole: text.length >= stop }
}

function readChunks(text: string, from: number) {
  let at = from
  let body = ''
  for (;;) {
    const line = text.indexOf('\r\n', at)
    const size = line < 0 ? Number.NaN : Number.parseInt(text.slice(at, line), 16)
    if (Number.isNaN(size)) return { body, end: text.length, whole: false }
    if (size === 0) {
      const trailersEnd = text.startsWith('\r\n', line + 2)
        ? line + 4
        : text.indexOf('\r\n\r\n', line) + 4
      const whole = trailersEnd >= line + 4
      return { body, end: whole ? trailersEnd : text.length, whole }
    }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

/** Header lines exactly as sent: order, case and repetition are up to the attack. */
export type Lines = readonly (readonly [string, string])[]

/** The request of an attack; every byte of it is kept. */
export interface Message {
  readonly method?: string
  readonly target: string
  readonly version?: string
  readonly lines?: Lines
  readonly body?: string
}

/** The bytes of one request, valid or not. Latin-1. */
export function requestBytes({
  method = 'GET',
  target,
  version = '1.1',
  lines = [],
  body,
}: Message) {
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`${method} ${target} HTTP/${version}\r\n${head}\r\n${body ?? ''}`, 'latin1')
}

/** The part of a context that the lines of an honest request are made from. */
export type RequestSender = Pick<Context, 'target' | 'tenant' | 'token'>

/** The lines of an honest request: a refusal because of one of them would prove nothing. */
export function honest({ target, tenant, token }: RequestSender): Lines {
  return [
    ['Host', hostLine(target)],
    ['Accept', 'application/json'],
    ['X-Okapi-Tenant', tenant],
    ...(token === undefined ? [] : [['X-Okapi-Token', token] as const]),
  ]
}

/** `lines` followed by the two lines of a JSON body. */
export function withJson(lines: Lines, body: string): Lines {
  const length = String(Buffer.byteLength(body, 'latin1'))
  return [...lines, ['Content-Type', 'application/json'], ['Content-Length', length]]
}

/** The target's value for a Host line. */
export function hostLine({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
