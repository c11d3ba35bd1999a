import type { Attack } from '../attack.ts'
import { stall } from '../stall.ts'

/** The record and handshake headers of a ClientHello that never comes (RFC 8446 section 5.1). */
const BEGINNING = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])

export const stalledHandshake: Attack = {
  id: 'stalled-handshake',
  group: 'tls',
  slow: true,
  title: 'a handshake that is never finished',
  meaning: 'A stranger without any certificate holds connections until there are none left.',
  judged: 'The connection is still open after a while.',
  remedy: 'Limit the time of a handshake.',
  run: (context) => stall(context, { first: BEGINNING, drip: Buffer.alloc(100), tls: false }),
}
