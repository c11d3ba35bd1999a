import { createHash } from 'node:crypto'
import type { Random } from './random.ts'

/** The module that is called, with three instances, and the one that calls. */
export const LEDGER = 'mod-ledger-1.0.0'
export const CLERK = 'mod-clerk-1.0.0'
export const OKAPI = 'okapi-7.2.0'

export const TENANTS = ['north', 'south', 'east', 'west'] as const
/** The clerk may not act for it. */
export const FOREIGN_TENANT = 'foreign'

/** What Okapi asks of the clerk by itself, and sends a token with. */
export const TICK = '/clerk/tick'

/** The descriptors of all. The clerk requires `ledger`, and not `vault`. */
export const DESCRIPTORS = [
  { id: OKAPI, provides: [] },
  {
    id: CLERK,
    requires: [{ id: 'ledger', version: '1.0' }],
    provides: [
      {
        ...{ id: '_timer', version: '1.0', interfaceType: 'system' },
        handlers: [{ methods: ['POST'], pathPattern: TICK }],
      },
    ],
  },
  {
    id: LEDGER,
    provides: [
      {
        id: 'ledger',
        version: '1.0',
        handlers: [
          { methods: ['POST'], pathPattern: '/entries' },
          { methods: ['GET', 'PUT', 'DELETE'], pathPattern: '/entries/{id}' },
          { methods: ['POST'], pathPattern: '/entries/{id}/content' },
        ],
      },
      {
        id: 'vault',
        version: '1.0',
        handlers: [{ methods: ['GET'], pathPattern: '/vault/{id}' }],
      },
    ],
  },
] as const

export type Kind =
  | 'read'
  | 'read large'
  | 'create'
  | 'change'
  | 'remove'
  | 'upload'
  | 'walk away'
  | 'forbidden route'
  | 'forbidden tenant'
  | 'with a token'
  | 'forbidden token'

/** One request, before it is sent. */
export interface Call {
  /** Unique in the run: `c123`. */
  readonly id: string
  readonly kind: Kind
  readonly tenant: string
  readonly method: string
  readonly target: string
  /** Bytes of its body; 0: none. */
  readonly bytes: number
  readonly chunked: boolean
  /** At least so many bytes are to come back. */
  readonly wanted: number
}

const KIB = 1024

/** Of a hundred calls. */
const MIX: readonly (readonly [number, Kind])[] = [
  [27, 'read'],
  [6, 'read large'],
  [20, 'create'],
  [16, 'change'],
  [10, 'remove'],
  [5, 'upload'],
  [3, 'walk away'],
  [3, 'forbidden route'],
  [3, 'forbidden tenant'],
  [5, 'with a token'],
  [2, 'forbidden token'],
]

let number = 0

/** The next call. */
export function drawCall(random: Random): Call {
  const id = `c${++number}`
  const kind = drawKind(random)
  const tenant = kind === 'forbidden tenant' ? FOREIGN_TENANT : random.one(TENANTS)
  const chunked = kind === 'upload' || random.chance(0.3)
  const wanted = kind === 'read large' ? random.int(80, 400) * KIB : 0
  const draft = (method: string, path: string, bytes = 0): Call => {
    const target = `${path}?call=${id}&wanted=${wanted}`
    return { id, kind, tenant, method, target, bytes, chunked, wanted }
  }
  switch (kind) {
    case 'create':
      return draft('POST', '/entries', random.int(20, 4000))
    case 'change':
      return draft('PUT', `/entries/${id}`, random.int(20, 9000))
    case 'remove':
      return draft('DELETE', `/entries/${id}`)
    case 'upload':
    case 'walk away':
      return draft('POST', `/entries/${id}/content`, random.int(70, 900) * KIB)
    case 'forbidden route':
      return draft('GET', `/vault/${id}`)
    default:
      return draft('GET', `/entries/${id}`)
  }
}

function drawKind(random: Random): Kind {
  let left = random.next() * 100
  for (const [share, kind] of MIX) {
    left -= share
    if (left < 0) return kind
  }
  return 'read'
}

/** The call's id and the bytes that it wants, as its target says. */
export function readTarget(target: string): { id: string; wanted: number } {
  const query = new URLSearchParams(target.split('?')[1])
  return { id: query.get('call') ?? '?', wanted: Number(query.get('wanted')) }
}

/** What this call sends: no other call's body has a kilobyte of it. */
export function bodyOf({ id, tenant, bytes }: Pick<Call, 'id' | 'tenant' | 'bytes'>): Buffer {
  return numbered(bytes, `${id} of ${tenant}. `)
}

/** What an instance answers: it follows from what it has received. */
export function answerOf(id: string, tenant: string, digest: string, wanted: number): Buffer {
  const text = `the answer to ${id} of ${tenant} who sent ${digest}. `
  return numbered(Math.max(wanted, text.length), text)
}

/** So that a piece which is lost, or comes twice, is seen. */
function numbered(bytes: number, text: string): Buffer {
  const all = Buffer.alloc(bytes, text)
  for (let at = KIB; at + 4 <= bytes; at += KIB) all.writeUInt32BE(at, at)
  return all
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 20)
}
