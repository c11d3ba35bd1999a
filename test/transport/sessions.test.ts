import { once } from 'node:events'
import { type ConnectionOptions, connect } from 'node:tls'
import test from 'ava'
import { Dialer } from '../../src/transport/dial.ts'
import { Authority, materialOf } from './authority.ts'
import { Client, Folder } from './openssl.ts'
import {
  dialerTo,
  dialOnce,
  judgeById,
  liveById,
  only,
  openRecorder,
  openTestListener,
} from './peers.ts'

const root = new Authority('root')
const users = root.issue('mod-users-19.7.0')
const notes = root.issue('mod-notes-7.0.0')
const folder = new Folder()
const shown = folder.shown(notes)

interface Visit {
  readonly session: Buffer
  readonly reused: boolean
  readonly text: string
}

/** Connects, speaks, waits for an answer, and for a session to keep unless it is a resumed one. */
async function visit(options: ConnectionOptions): Promise<Visit> {
  const socket = connect(options)
  socket.write('hello\n')
  const kept = once(socket, 'session')
  const [text] = await once(socket, 'data')
  const [session] = socket.isSessionReused() ? [Buffer.alloc(0)] : await kept
  const reused = socket.isSessionReused()
  socket.destroy()
  return { session, reused, text: String(text) }
}

for (const [version, flag] of [
  ['TLSv1.2', '-tls1_2'],
  ['TLSv1.3', '-tls1_3'],
] as const) {
  test(`a session saved by openssl leads to a full handshake over ${version}`, async (t) => {
    const ingress = await openTestListener({ material: materialOf(users, [root]) })
    const saved = folder.file(`session-${version}`)
    const args = ['-connect', `127.0.0.1:${ingress.port}`, flag, ...shown]
    const first = new Client([...args, '-sess_out', saved])
    // The greeting comes after everything that belongs to a handshake, tickets too.
    await first.says(/hello mod-notes-7\.0\.0/)
    t.regex(await first.end(), /New, TLSv1\.[23], Cipher is/)
    const second = new Client([...args, '-sess_in', saved])
    await second.says(/hello mod-notes-7\.0\.0/)
    const output = await second.end()
    t.regex(output, /New, TLSv1\.[23], Cipher is/)
    t.notRegex(output, /Reused, /)
    t.is(ingress.peers.length, 2)
    await ingress.close()
  })

  test(`a session saved by Node leads to a full handshake over ${version}`, async (t) => {
    const ingress = await openTestListener({ material: materialOf(users, [root]) })
    const base = { port: ingress.port, ca: root.cert, minVersion: version, maxVersion: version }
    const { key, cert } = notes
    const { session } = await visit({ ...base, key, cert })
    const again = await visit({ ...base, key, cert, session })
    t.false(again.reused)
    t.is(ingress.peers.length, 2)

    const without = await visit({ ...base, session })
    t.regex(without.text, /X-Sidecar-Refused: no-certificate\r\n/)
    t.is(ingress.peers.length, 2)
    t.deepEqual(ingress.events, ['refused no-certificate'])
    await ingress.close()
  })

  test(`we offer no session, even to a server that gives tickets, over ${version}`, async (t) => {
    const { key, cert } = users
    const server = await openRecorder({ key, cert, ca: root.cert, maxVersion: version }, 'hello')
    const reused: boolean[] = []
    server.server.on('secureConnection', (socket) => reused.push(socket.isSessionReused()))
    const own = materialOf(notes, [root])
    const fits = only('mod-users-19.7.0')
    const dialer = new Dialer(
      dialerTo([server.port], {
        material: () => own,
        authenticator: judgeById,
        fits,
        live: liveById(),
      }),
    )
    for (let visit = 0; visit < 2; visit++) {
      const { socket } = await dialOnce(dialer)
      if (socket === null) throw new Error('not connected')
      await once(socket, 'data')
      socket.destroy()
    }
    t.deepEqual(reused, [false, false])
    await server.close()

    // The same server does resume for a client that wants it: the test above can fail.
    const lax = await openRecorder({ key, cert, ca: root.cert, maxVersion: version }, 'hello')
    const base = { port: lax.port, ca: root.cert }
    const { session } = await visit(base)
    t.true((await visit({ ...base, session })).reused)
    await lax.close()
  })
}

test('a peer cannot renegotiate', async (t) => {
  const ingress = await openTestListener({ material: materialOf(users, [root]) })
  const client = new Client(['-connect', `127.0.0.1:${ingress.port}`, '-tls1_2', ...shown])
  await client.says(/hello mod-notes-7\.0\.0/)
  // s_client's command for a renegotiation.
  client.type('R\n')
  await client.says(/RENEGOTIATING[\s\S]*(no renegotiation|error|closed)/)
  await client.end()
  t.is(ingress.peers.length, 1)
  t.is(Buffer.concat(ingress.received).toString(), '')
  await ingress.close()
})
