import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { ALPN_LINK } from '../../src/wire/link/frames.ts'
import { ID, Place, Player, type Sidecar, Talk } from '../support/scenario.ts'

// Who holds mod-users' key agrees to a link and then says a 1xx in HTTP/1.1, as only a peer does that refuses.
// The rest of a body that Okapi still sends there must not become a request: it would be one of Okapi's own.

let place: Place
let notes: Player
let okapi: Sidecar
let beside: Sidecar
let server: tls.Server
let said = ''

test.before(async () => {
  place = await Place.make()
  notes = await Player.start()
  const certificate = await place.certificate(ID.users)
  const file = (name: string) => readFileSync(join(certificate, name))
  const options = { key: file('tls.key'), cert: file('tls.crt'), ca: file('ca.crt') }
  server = tls.createServer(
    { ...options, requestCert: true, ALPNProtocols: [ALPN_LINK] },
    (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(said, 'latin1'))
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  beside = await place.sidecar(ID.notes, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${notes.port}` },
  })
  okapi = await place.sidecar(ID.okapi, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${notes.port}` },
    egress: {
      modules: {
        listen: '127.0.0.1:0',
        address: {
          [ID.users]: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
          [ID.notes]: `https://127.0.0.1:${beside.port('ingress')}`,
        },
      },
    },
  })
})
test.after.always(async () => {
  await Promise.all([okapi, beside].map((each) => each?.stop()))
  server?.close()
  await notes?.close()
  await place?.close()
})

for (const status of ['100 Continue', '102 Processing', '103 Early Hints']) {
  for (const expect of ['', 'Expect: 100-continue\r\n']) {
    test.serial(
      `${status}${expect && ', which was asked for'}: 502, and the body is not read as requests`,
      async (t) => {
        said = `HTTP/1.1 ${status}\r\n\r\n`
        notes.forget()
        const talk = new Talk(okapi.port('modules'))
        t.teardown(() => talk.close())
        const hidden = `DELETE /${ID.notes}/notes/1 HTTP/1.1\r\nHost: x\r\nX-Okapi-Tenant: diku\r\nX-Okapi-Permissions: ["all"]\r\n\r\n`
        talk.send(
          `POST /${ID.users}/users HTTP/1.1\r\nHost: x\r\nX-Okapi-Tenant: diku\r\n${expect}Content-Length: ${9 + hidden.length}\r\n\r\nthe first`,
        )
        t.regex((await talk.next()).first, /^HTTP\/1\.1 502 /)
        talk.send(hidden)
        t.is(await talk.end(), '')
        t.is(notes.bytes, '')
      },
    )
  }
}
