import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ALPN_LINK } from '../../src/wire/link/frames.ts'
import { type Flooder, floodingServer } from '../support/key-updates.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { ask, field, get, ID, OK, Place, Player, type Sidecar } from '../support/scenario.ts'

// A module that proves who it is can send KeyUpdate messages over the connections that Okapi's sidecar opens to it:
// 27 bytes and 20 µs each, and no byte of an answer.

/** 135 kB: beyond what is allowed at once. */
const MESSAGES = 5000
const T = 'X-Okapi-Tenant: diku'

let place: Place
let player: Player
let tags: Sidecar
let okapi: Sidecar
/** What mod-users does with a connection, and mod-notes, which speaks the link. */
let flooders: Record<'http/1.1' | typeof ALPN_LINK, Flooder[]>

test.before(async () => {
  place = await Place.make()
  player = await Player.start()
  player.reply = OK
  flooders = { 'http/1.1': [], [ALPN_LINK]: [] }
  const rogue = async (id: string, alpn: keyof typeof flooders) => {
    const folder = await place.certificate(id)
    const file = (name: string) => readFileSync(join(folder, name), 'utf8')
    const pair = { key: file('tls.key'), cert: file('tls.crt') }
    const { port, server } = await floodingServer(pair, alpn, (flooder) => {
      flooders[alpn].push(flooder)
      flooder.socket.on('data', (bytes: Buffer) => {
        if (alpn === 'http/1.1' && bytes.includes('GET')) {
          flooder.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        }
        setImmediate(() => flooder.flood(MESSAGES))
      })
    })
    closing.push(() => server.close())
    return `https://127.0.0.1:${port}`
  }
  const forward = `http://127.0.0.1:${player.port}`
  tags = await place.sidecar(ID.tags, { ingress: { listen: '127.0.0.1:0', forward } })
  const address = {
    [ID.tags]: `https://127.0.0.1:${tags.port('ingress')}`,
    [ID.users]: await rogue(ID.users, 'http/1.1'),
    [ID.notes]: await rogue(ID.notes, ALPN_LINK),
  }
  const modules = { listen: '127.0.0.1:0', address }
  okapi = await place.sidecar(ID.okapi, { egress: { modules } })
})
const closing: (() => void)[] = []
test.after.always(async () => {
  await Promise.all([tags, okapi].map((sidecar) => sidecar?.stop()))
  for (const { raw } of Object.values(flooders ?? {}).flat()) raw.destroy()
  for (const close of closing) close()
  await player?.close()
  await place?.close()
})

const call = (id: string, path: string) => ask(okapi.port('modules'), get(`/${id}${path}`, T))
const hits = () => limitHits(okapi, 'recordOverheadBytesPerSecond')

/** Calls until the callee is not asked at all. @returns how often it was connected to, before and after */
async function untilLeftAlone(id: string, path: string, alpn: keyof typeof flooders) {
  let before = 0
  let because = ''
  await until(async () => {
    before = flooders[alpn].length
    const answer = await call(id, path)
    because = field(answer, 'X-Sidecar-Refused') === 'upstream-malformed' ? answer.body : ''
    return because.includes('left alone')
  })
  return { before, after: flooders[alpn].length }
}

test.serial('HTTP/1.1: its connection ends, and it is not asked again at once', async (t) => {
  const answer = await call(ID.users, '/users')
  t.is(answer.first, 'HTTP/1.1 200 OK')
  await until(async () => (await hits()) > 0)
  await until(() => flooders['http/1.1'].every(({ raw }) => raw.destroyed))
  const { before, after } = await untilLeftAlone(ID.users, '/users', 'http/1.1')
  t.true(before > 0)
  t.is(after, before)
})

test.serial('a link: it ends, and another is not opened at once', async (t) => {
  const before = await hits()
  const answer = await call(ID.notes, '/notes')
  t.is(answer.first, 'HTTP/1.1 502 Bad Gateway')
  await until(async () => (await hits()) === before + 1)
  const line = await okapi.say(({ msg, ending }) => msg === 'link ended' && ending !== 'left')
  t.is(line[0]?.['ending'], 'too-much-noise')
  const asked = await untilLeftAlone(ID.notes, '/notes', ALPN_LINK)
  t.is(asked.after, asked.before)
})

test.serial('other callees are asked as before', async (t) => {
  t.is((await call(ID.tags, '/tags')).first, 'HTTP/1.1 200 OK')
})
