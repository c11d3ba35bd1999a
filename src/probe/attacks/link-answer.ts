import type tls from 'node:tls'
import type { Attack } from '../attack.ts'
import { send } from '../conversation.ts'
import { type AttackFinding, blocked, findingOf, gotThrough, notTried } from '../finding.ts'
import { honest, type Lines, requestBytes } from '../http.ts'
import { impersonate } from '../impersonate.ts'
import { FRAME_FLAG, frame, frames, PROBE_ALPN, TYPE } from '../link/frames.ts'

/** Marks the request that hides in a body. */
const HIDDEN = 'X-Probe-Hidden'
const NOTHING_HERE = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const INTERIM = 'HTTP/1.1 100 Continue\r\n\r\n'

/** What the peer of a link sees that answers the first request with a 1xx in HTTP/1.1. */
class InterimPeer {
  /** A link came about, and a request on it. */
  asked = false
  hiddenCame = false
  /** The link with the first request is over. */
  readonly over: Promise<void>
  readonly #isOver: () => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.#isOver = resolve
  }

  serve(socket: tls.TLSSocket): void {
    let received = Buffer.alloc(0)
    let answered = 0
    socket.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part])
      const opened = frames(received).filter(({ type }) => type === TYPE.open)
      for (const { id, payload } of opened.slice(answered)) this.#opened(socket, id, payload)
      answered = opened.length
    })
    socket.on('close', () => {
      if (this.asked) this.#isOver()
    })
  }

  #opened(socket: tls.TLSSocket, id: number, head: Buffer): void {
    if (head.includes(`${HIDDEN}: `)) {
      this.hiddenCame = true
      socket.write(frame(TYPE.head, id, NOTHING_HERE, { flags: FRAME_FLAG.end }))
      return
    }
    this.asked = true
    socket.end(INTERIM)
  }
}

/**
 * Only a peer that refuses a link answers it in HTTP/1.1. When a 1xx ends the exchange, its caller
 * gets no answer, and the rest of its body is read as the next request.
 */
const linkInterimAnswer: Attack = {
  id: 'link-interim-answer',
  group: 'link',
  // Not to wait, but before `response-stolen-key`: after that Okapi’s sidecar offers no link for a minute.
  slow: true,
  title: 'a 1xx in HTTP/1.1 on an agreed link',
  meaning: 'With one stolen key, bodies on their way to that module become calls of other modules.',
  judged: 'A request that is hidden in the rest of a body arrives as one of its own.',
  remedy: 'Close a caller’s connection if its exchange ends before the body of its request.',
  needs: ['impostor'],
  async run(context) {
    const { impostor, credentials } = context
    if (impostor === undefined || credentials === undefined) return notTried('it cannot listen')
    const { endpoint, path } = impostor
    const lines = honest({ ...context, target: endpoint })
    // Okapi’s own requests name the module first.
    const isOkapis = path.startsWith(`/${credentials.id}/`)
    const hidden = requestBytes({
      target: isOkapis ? path : `/${credentials.id}${path}`,
      lines: [...lines, [HIDDEN, '1']],
    })
    const peer = new InterimPeer()
    const transcript = await impersonate(context, {
      alpn: PROBE_ALPN,
      serve: (socket) => peer.serve(socket),
      ask: () =>
        send(context, carrier(path, lines, hidden.length), {
          endpoint,
          later: { bytes: hidden, after: peer.over },
          methods: ['GET', 'GET'],
          enough: () => peer.hiddenCame,
        }),
    })
    return judge(peer, findingOf(transcript, { harmless: () => true }))
  },
}

/** A request whose body has come only in part. */
function carrier(target: string, lines: Lines, rest: number): Buffer {
  const body = '{}\r\n\r\n'
  const length = ['Content-Length', String(body.length + rest)] as const
  return requestBytes({ target, lines: [...lines, length], body })
}

function judge({ asked, hiddenCame }: InterimPeer, finding: AttackFinding): AttackFinding {
  if (hiddenCame) return { ...finding, ...gotThrough('the rest of a body arrived as a request') }
  if (asked)
    return { ...finding, ...blocked(null, 'the rest of the body was not read as a request') }
  if (finding.outcome !== 'blocked') return finding
  const because = 'no link came about: Okapi’s sidecar asked another, or refused the call'
  return { ...finding, outcome: 'inconclusive', because }
}

/** Answers of a hijacked module on a link. */
export const LINK_ANSWER_ATTACKS: readonly Attack[] = [linkInterimAnswer]
