import type { Attack } from '../attack.ts'
import { ordinaryRequest, smuggledRequest } from '../calls.ts'
import { closedTo } from '../context.ts'
import { handshakeWith } from '../conversation.ts'
import { honest } from '../http.ts'
import { FRAME_FLAG, frame, PING, PROBE_ALPN, TYPE } from '../link/frames.ts'
import {
  type BrokenLinkRow,
  brokenLinkAttack,
  type LinkedCallRow,
  linkedCallAttack,
} from '../link/kinds.ts'
import { stall } from '../stall.ts'

const MISREAD =
  'Two sides that understand frames differently exchange requests that were never authorized.'
const FIRST_FRAME = 'Close the link at the first frame that does not fit.'
const SAME_RULES = 'Hold heads that come in frames to the same rules as all others.'

/** More than an honest sidecar sends in a day. */
const PINGS = 8000
const EXCHANGES = 1500

const BROKEN: readonly BrokenLinkRow[] = [
  {
    id: 'link-credit-overflow',
    title: 'credit without end',
    meaning: 'One caller makes the sidecar hold as much as the module can send.',
    remedy: 'Close the link when credit goes beyond the window.',
    exchange: 1,
    frames: (context) => {
      const lines = [...honest(context), ['Content-Length', '2'] as const]
      const head = ordinaryRequest(context, { lines })
      const credit = Buffer.alloc(4, 0xff)
      return Buffer.concat([frame(TYPE.open, 1, head), frame(TYPE.credit, 1, credit)])
    },
  },
  {
    id: 'link-data-unopened',
    title: 'DATA for an exchange that never was',
    meaning: MISREAD,
    remedy: 'Close the link at a frame for an exchange that was never opened.',
    frames: () => frame(TYPE.data, 77, 'not asked for'),
  },
  {
    id: 'link-frame-too-long',
    title: 'a frame longer than any may be',
    meaning: 'The sender of a frame decides how much memory is held for it.',
    remedy: FIRST_FRAME,
    // Its whole payload is sent too, so the target cannot be waiting for the rest.
    frames: () => frame(TYPE.ping, 0, Buffer.alloc(0xffff)),
  },
  {
    id: 'link-frame-too-short',
    title: 'a CREDIT without its number',
    meaning: MISREAD,
    remedy: FIRST_FRAME,
    frames: () => frame(TYPE.credit, 0, Buffer.alloc(2)),
  },
  {
    id: 'link-head-to-server',
    title: 'an answer where requests are taken',
    meaning: 'A caller answers in the name of the module that it calls.',
    remedy: FIRST_FRAME,
    frames: () =>
      frame(TYPE.head, 1, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', {
        flags: FRAME_FLAG.end,
      }),
  },
  {
    id: 'link-ids-fall',
    title: 'exchanges whose ids go back',
    meaning: 'A frame for one exchange is taken for another.',
    remedy: 'Close the link when an OPEN does not rise.',
    frames: (context) => {
      const head = ordinaryRequest(context)
      const flags = FRAME_FLAG.end
      return Buffer.concat([
        frame(TYPE.open, 9, head, { flags }),
        frame(TYPE.open, 7, head, { flags }),
      ])
    },
  },
  {
    id: 'link-ping-flood',
    title: 'PINGs without end',
    meaning: 'Frames that cost nothing to send keep the sidecar busy and fill its memory.',
    remedy: 'Give frames that do no work a budget, and close the link beyond it.',
    pings: PINGS,
    frames: () => Buffer.concat(Array<Buffer>(PINGS).fill(PING)),
  },
  // Like CVE-2023-44487 in HTTP/2: each costs the caller two frames, and the callee a request.
  {
    id: 'link-rapid-reset',
    title: 'exchanges opened and cancelled at once',
    meaning:
      'One caller makes the module work for answers that are not awaited, without any limit.',
    remedy: 'Give cancelled exchanges a budget, and close the link beyond it.',
    exchange: 1,
    frames: (context) => {
      // A request cancelled before its body has arrived has not been sent to the module yet.
      const lines = [...honest(context), ['Content-Length', '1'] as const]
      const head = ordinaryRequest(context, { lines })
      const pairs = Array.from({ length: EXCHANGES }, (_, i) => [
        frame(TYPE.open, 2 * i + 1, head),
        frame(TYPE.reset, 2 * i + 1, Buffer.of(1)),
      ])
      return Buffer.concat(pairs.flat())
    },
  },
  {
    id: 'link-unknown-flag',
    title: 'a flag that means nothing',
    meaning: MISREAD,
    remedy: FIRST_FRAME,
    frames: () => frame(TYPE.ping, 0, Buffer.alloc(8), { flags: FRAME_FLAG.ack | 0x80 }),
  },
  {
    id: 'link-unknown-frame',
    title: 'a frame of an unknown type',
    meaning: MISREAD,
    remedy: FIRST_FRAME,
    frames: () => frame(0x1f, 0, 'what'),
  },
]

const CALLS: readonly LinkedCallRow[] = [
  {
    id: 'link-body-too-long',
    title: 'more DATA than Content-Length says',
    meaning: 'The surplus bytes become the next request on the connection to the module.',
    remedy: 'Count the DATA of an exchange against its head, and cut what does not agree.',
    message: (context) => {
      const lines = [...honest(context), ['Content-Length', '2'] as const]
      return {
        head: ordinaryRequest(context, { lines }),
        body: `{}${smuggledRequest(context)}`,
      }
    },
  },
  {
    id: 'link-cl-te',
    title: 'CL and TE in the head of an exchange',
    meaning: 'Frames hide from one reader what the next one takes for a second request.',
    remedy: 'Hold heads that come in frames to the same grammar as all others.',
    message: (context) => {
      const body = `0\r\n\r\n${smuggledRequest(context)}`
      const framing = [
        ['Content-Length', String(body.length)],
        ['Transfer-Encoding', 'chunked'],
      ] as const
      const lines = [...honest(context), ...framing]
      return { head: ordinaryRequest(context, { lines }), body }
    },
  },
  // A module is not open to another module at all; at Okapi, this path is not.
  {
    id: 'link-closed-route',
    title: 'a forbidden call on a link',
    meaning: 'A link is checked once, and the calls that it carries are not.',
    remedy: 'Judge every exchange of a link by itself, as the peer that opened the link.',
    needs: ['credentials'],
    pair: ({ credentials }) => credentials,
    message: (context) => ({ head: ordinaryRequest(context, { target: closedTo(context) }) }),
  },
  {
    id: 'link-no-certificate',
    title: 'a link without a certificate',
    meaning: 'Any client that speaks the protocol of sidecars is taken for one.',
    remedy: 'Judge the certificate before the first frame is read.',
    pair: () => undefined,
    message: (context) => ({
      head: ordinaryRequest(context),
    }),
  },
  {
    id: 'link-path-trick',
    title: 'a dot segment in an exchange',
    meaning: 'What is refused on a connection of its own passes inside a link.',
    remedy: SAME_RULES,
    message: (context) => ({
      head: ordinaryRequest(context, { target: `${context.ordinaryPath}/../admin/jstack` }),
    }),
  },
  {
    id: 'link-rogue-behind-good',
    title: 'a forbidden call beside an allowed one',
    meaning: 'The verdict on one exchange is used for its neighbour.',
    remedy: 'Keep nothing of one exchange for the next.',
    before: (context) => ordinaryRequest(context),
    message: (context) => ({
      head: ordinaryRequest(context, { target: '/_/proxy/tenants' }),
    }),
  },
  {
    id: 'link-two-heads',
    title: 'two requests in one frame',
    meaning: 'The second one is served behind the first, and was never authorized.',
    remedy: 'Take exactly one head out of an OPEN, and reset the exchange otherwise.',
    message: (context) => {
      const first = ordinaryRequest(context)
      return { head: Buffer.concat([first, Buffer.from(smuggledRequest(context), 'latin1')]) }
    },
  },
  {
    id: 'link-two-tenants',
    title: 'two tenants in an exchange',
    meaning: 'One reader takes the first tenant, another the last.',
    remedy: SAME_RULES,
    message: (context) => {
      const lines = [...honest(context), ['X-Okapi-Tenant', 'other'] as const]
      return { head: ordinaryRequest(context, { lines }) }
    },
  },
]

const linkStalledFrame: Attack = {
  id: 'link-stalled-frame',
  group: 'link',
  slow: true,
  title: 'a frame that never ends',
  meaning: 'One caller holds links, and what is kept for each, until there are none left.',
  judged: 'The connection is still open after a while.',
  remedy: 'Limit the time from the first byte of a frame to its last.',
  run(context) {
    const whole = frame(TYPE.ping, 0, Buffer.alloc(8))
    const handshake = { ...handshakeWith(context.accepted), alpn: [PROBE_ALPN] }
    return stall(context, { first: whole.subarray(0, 3), tls: true, handshake })
  },
}

/** The link: many exchanges over one connection between two sidecars. */
export const LINK_ATTACKS: readonly Attack[] = [
  ...BROKEN.map(brokenLinkAttack),
  ...CALLS.map(linkedCallAttack),
  linkStalledFrame,
]
