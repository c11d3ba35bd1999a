import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ALPN_LINK } from '../../src/wire/link/frames.ts'
import { openSsl } from '../support/scenario/openssl.ts'
import { ID, Place, Player, type Sidecar } from '../support/scenario.ts'

// Every connection is a full handshake: no listener gives out a session ticket, and a session that a
// client has kept resumes nothing, whatever OpenSSL was told (docs/decisions/0002-no-resumption.md).

const NO_CONFIGURATION = '/nonexistent/openssl.cnf'

let place: Place
let okapi: Player
let certificate: string
/** As it is shipped, and as started without the setting for OpenSSL. */
const sidecars = new Map<'shipped' | 'bare', Sidecar>()

test.before(async () => {
  place = await Place.make()
  okapi = await Player.start()
  certificate = await place.certificate(ID.notes)
  const settings = {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${okapi.port}` },
    egress: { modules: { listen: '127.0.0.1:0', address: {} } },
    public: { listen: '127.0.0.1:0', credentials: { directory: certificate } },
  }
  sidecars.set('shipped', await place.process(ID.okapi, settings))
  const env = { OPENSSL_CONF: NO_CONFIGURATION }
  sidecars.set('bare', await place.process(ID.okapi, settings, env))
})
test.after.always(async () => {
  for (const sidecar of sidecars.values()) await sidecar.stop()
  await okapi?.close()
  await place?.close()
})

const LISTENERS = [
  { name: 'ingress, HTTP/1.1', listener: 'ingress', alpn: 'http/1.1' },
  { name: 'ingress, a link', listener: 'ingress', alpn: ALPN_LINK },
  { name: 'public', listener: 'public', alpn: 'http/1.1' },
] as const

/** A request, and a PING for a link: it is answered behind all that belongs to the handshake. */
const ASKING = {
  'http/1.1': 'GET /users/1 HTTP/1.1\r\nHost: x\r\nX-Okapi-Tenant: diku\r\n\r\n',
  [ALPN_LINK]: '\x07\x00\x00\x08\0\0\0\0pingpong',
} as const
const ANSWERED = { 'http/1.1': /HTTP\/1\.1 [24]0/, [ALPN_LINK]: /pingpong/ } as const

for (const { name, listener, alpn } of LISTENERS) {
  for (const version of ['-tls1_2', '-tls1_3']) {
    for (const as of ['shipped', 'bare'] as const) {
      test.serial(
        `${name}, ${version.slice(1)}, ${as}: a kept session resumes nothing`,
        async (t) => {
          const saved = join(place.directory, `session-${crypto.randomUUID()}`)
          const port = sidecars.get(as)!.port(listener)
          const own = ['-key', join(certificate, 'tls.key'), '-cert', join(certificate, 'tls.crt')]
          const args = ['s_client', '-connect', `127.0.0.1:${port}`, version, '-alpn', alpn, ...own]
          const visit = async (...more: string[]) => {
            const client = openSsl([...args, '-msg', ...more])
            client.type(ASKING[alpn])
            await client.says(ANSWERED[alpn])
            return client.end()
          }
          const first = await visit('-sess_out', saved)
          t.regex(first, /New, TLSv1\.[23], Cipher is/)
          const tickets = first.match(/NewSessionTicket/g)?.length ?? 0
          t.is(tickets, as === 'bare' && version === '-tls1_3' ? 2 : 0)
          // Without a ticket TLS 1.3 leaves nothing to keep.
          if (version === '-tls1_3' && as === 'shipped') {
            t.throws(() => readFileSync(saved))
            return
          }
          const second = await visit('-sess_in', saved)
          t.regex(second, /New, TLSv1\.[23], Cipher is/)
          t.notRegex(second, /Reused, /)
        },
      )
    }
  }
}
