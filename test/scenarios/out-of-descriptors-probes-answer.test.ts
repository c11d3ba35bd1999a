import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import test from 'ava'
import { metric } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Place,
  Player,
  Sidecar,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// Callers hold every file descriptor that they can get. Kubelet and Prometheus are answered all the same, a
// call that needs a connection is told that the fault is here, and later everything goes on.

const T = 'X-Okapi-Tenant: diku'
const FILES = 160

/** Connects; resolves to a connection that has had an answer, or undefined when it was closed. */
async function hold(port: number): Promise<Talk | undefined> {
  const talk = new Talk(port)
  try {
    // Refused, and the connection stays.
    await talk.send(get('/not/declared', T)).next()
    return talk
  } catch {
    return undefined
  }
}

async function silent(port: number): Promise<Socket> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  socket.write('GET /li')
  return socket
}

test('probes are answered when callers have all other descriptors', async (t) => {
  const place = await Place.make()
  const okapi = await Player.start()
  okapi.reply = () => answer('200 OK', [], 'here')
  const file = await place.file(
    'notes.json',
    await place.configuration(ID.notes, {
      ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${okapi.port}` },
      egress: { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${okapi.port}` },
    }),
  )
  const sidecar = await Sidecar.process(ID.notes, file, {}, [
    'prlimit',
    `--nofile=${FILES}:${FILES}`,
  ])
  t.teardown(async () => {
    sidecar.signal('SIGKILL')
    await sidecar.ended
    await okapi.close()
    await place.close()
  })
  const [egress, admin] = [sidecar.port('egress'), sidecar.port('admin')]
  const probe = async (path: string) => {
    const { body, first } = await ask(admin, get(path, 'Connection: close'))
    return { body, status: first.split(' ')[1] }
  }
  const held: Talk[] = []
  const refused = () => metric(sidecar, 'sidecar_out_of_descriptors_total{at="accept"}')
  while (!((await refused()) > 0)) {
    const talk = await hold(egress)
    if (talk !== undefined) held.push(talk)
    if (held.length > FILES) throw new Error('there is no end of descriptors')
  }
  const heldAtFirst = held.length
  // The connection that asked for the metrics has given its descriptor back.
  for (let talk = await hold(egress); talk !== undefined; talk = await hold(egress)) {
    held.push(talk)
    if (held.length > FILES) throw new Error('there is no end of descriptors')
  }
  const [began] = await sidecar.say(({ msg }) => msg === 'out of file descriptors')
  t.is(began?.['openFiles'], FILES)
  t.is(began?.connections, heldAtFirst)
  t.regex(String(began?.['hint']), /ulimit -n/)

  // Connections that say nothing at the admin port, more than there are descriptors.
  const others: Socket[] = []
  for (let i = 0; i < FILES; i++) others.push(await silent(admin))
  for (let i = 0; i < 10; i++) t.is((await probe('/live')).status, '200')
  const ready = await probe('/ready')
  t.is(ready.status, '200')
  t.regex(ready.body, /"file descriptors":"this sidecar has no file descriptor left/)

  // A call on a connection that is open needs one to Okapi's sidecar.
  const [talk] = held
  const call = await talk!.send(get('/users/1', T)).next()
  t.is(verdictOf(call), '503 overloaded')
  t.is(field(call, 'Retry-After') === undefined, false)
  t.regex(call.body, /no file descriptor left \(160 files may be open\)/)
  t.true((await metric(sidecar, 'sidecar_out_of_descriptors_total{at="dial"}')) > 0)

  for (const each of held) each.close()
  for (const socket of others) socket.destroy()
  const [ended] = await sidecar.say(({ msg }) => msg === 'file descriptors are free again')
  t.true(Number(ended?.['refused']) > 0)
  t.is(verdictOf(await ask(egress, get('/users/1', T))), '502 upstream-unreachable')
  t.notRegex((await probe('/ready')).body, /descriptor/)
  t.is(sidecar.lines.filter(({ msg }) => msg === 'out of file descriptors').length, 1)
  t.is(await sidecar.stop(), 0)
})
