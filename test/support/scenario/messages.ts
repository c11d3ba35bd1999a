/** One HTTP message as it stood on a wire; Latin-1, so that a character is a byte. */
export interface Message {
  /** Request line or status line. */
  readonly first: string
  /** Header lines in their order, case as it came. */
  readonly lines: readonly string[]
  /** Without the chunked framing. */
  readonly body: string
  /** Trailer lines of a chunked body. */
  readonly trailers: readonly string[]
  /** How many characters it took. */
  readonly length: number
}

const NOTHING = { body: '', trailers: [] as string[] }

/**
 * The message at the beginning of `text`, or undefined as long as it is not whole. A reader of its
 * own, for tests: what it does not understand is an Error.
 *
 * @param bodiless the answer to HEAD
 * @param ended the connection has ended, which is how an unframed answer ends
 */
export function readMessage(text: string, bodiless = false, ended = false): Message | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [first = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const start = headEnd + 4
  const status = /^HTTP\/1\.\d (\d{3})/.exec(first)?.[1]
  const none = bodiless || status === '204' || status === '304' || status?.startsWith('1')
  const message = { first, lines }
  if (none) return { ...message, ...NOTHING, length: start }
  if (/chunked/i.test(field(message, 'Transfer-Encoding') ?? '')) {
    const chunks = readChunks(text, start)
    return chunks && { ...message, ...chunks }
  }
  const declared = field(message, 'Content-Length')
  if (declared === undefined && status !== undefined) {
    return ended
      ? { ...message, ...NOTHING, body: text.slice(start), length: text.length }
      : undefined
  }
  const end = start + Number(declared ?? 0)
  if (text.length < end) return undefined
  return { ...message, ...NOTHING, body: text.slice(start, end), length: end }
}

function readChunks(text: string, start: number) {
  let body = ''
  let at = start
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    at = lineEnd + 2
    if (size === 0) break
    if (text.length < at + size + 2) return undefined
    body += text.slice(at, at + size)
    at += size + 2
  }
  if (text.startsWith('\r\n', at)) return { body, trailers: [], length: at + 2 }
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) return undefined
  return { body, trailers: text.slice(at, end).split('\r\n'), length: end + 4 }
}

/** The value of the first line of this name, whatever its case. */
export function field({ lines }: Pick<Message, 'lines'>, name: string): string | undefined {
  return fields({ lines }, name)[0]
}

/** The values of every line of this name. */
export function fields({ lines }: Pick<Message, 'lines'>, name: string): string[] {
  const prefix = `${name.toLowerCase()}:`
  return lines
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length).trim())
}

/** The status of an answer. */
export function statusOf({ first }: Message): number {
  return Number(first.split(' ')[1])
}

/** Status, and the reason where a sidecar refused: `403 route-not-declared`. */
export function verdictOf(message: Message): string {
  const reason = field(message, 'X-Sidecar-Refused')
  return reason === undefined ? String(statusOf(message)) : `${statusOf(message)} ${reason}`
}

/** A request without a body: `get('/users', 'X-Okapi-Tenant: diku')`. */
export function get(target: string, ...lines: readonly string[]): string {
  return request(`GET ${target}`, lines)
}

/** A request with Host, and with Content-Length where there is a body. */
export function request(start: string, lines: readonly string[] = [], body?: string): string {
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`]
  return [`${start} HTTP/1.1`, 'Host: somewhere', ...lines, ...length, '', body ?? ''].join('\r\n')
}

/** An answer with Content-Length. */
export function answer(status: string, lines: readonly string[] = [], body = ''): string {
  return [`HTTP/1.1 ${status}`, ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n')
}

/** A token as mod-authtoken makes them, unsigned: none is verified here. */
export function token(claims: Readonly<Record<string, string>>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part(claims)}.c2lnbmF0dXJl`
}

/**
 * What Okapi's discovery makes of all that a connection brought until its end: any answer is health, of
 * a failure the message of its cause is told, and without a cause the health of all modules is a 500
 * (okapi-core DiscoveryManager.health: `fail(e.getCause(), hd)`). Of what a peer can do only a length
 * that begins like a number and is none has a cause (Netty HttpUtil.normalizeAndGetContentLength).
 */
export function healthMessage(received: string): string {
  const length = /^Content-Length: *(.*?)\r?$/im.exec(received)?.[1] ?? ''
  if (/^\d/.test(length) && !/^\d+$/.test(length)) return `Fail: For input string: "${length}"`
  if (!received.includes('\r\n\r\n')) return '500: Throwable.getMessage() of null'
  return 'OK'
}
