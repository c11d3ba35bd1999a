import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { FLAG } from '../../src/wire/link/frames.ts'
import { data, open } from '../support/link-frames.ts'
import { Rogue } from '../support/scenario/rogue.ts'
import {
  ask,
  field,
  ID,
  Installation,
  type Player,
  Talk,
  verdictOf,
  type Where,
} from '../support/scenario.ts'

// All that one read brings is judged before the first byte of it goes on: of a request whose body is
// broken by then, the module behind the sidecars does not even see the head, whatever the method, and
// although a connection to it stands ready at every hop.

const INSTALLATIONS = new Map<boolean, Installation>()

test.before(async () => {
  for (const link of [true, false]) {
    const each = Object.fromEntries([ID.okapi, ID.notes, ID.users].map((id) => [id, { link }]))
    INSTALLATIONS.set(link, await Installation.open({ modules: [ID.notes, ID.users], more: each }))
  }
})
test.after.always(() =>
  Promise.all([...INSTALLATIONS.values()].map((installation) => installation.close())),
)

/** A way through the sidecars, and who stands at its end. */
interface Way {
  readonly name: string
  readonly where: () => Promise<Where>
  readonly player: () => Player
  readonly prefix?: string
}

const linked = () => INSTALLATIONS.get(true)!
const unlinked = () => INSTALLATIONS.get(false)!

const WAYS: readonly Way[] = [
  {
    name: 'egress, a link, Okapi',
    where: async () => linked().egress(ID.notes),
    player: () => linked().okapi,
  },
  {
    name: 'egress, HTTP/1.1, Okapi',
    where: async () => unlinked().egress(ID.notes),
    player: () => unlinked().okapi,
  },
  {
    name: 'modules, a link, the module',
    where: async () => linked().modules,
    player: () => linked().module(ID.users),
    prefix: `/${ID.users}`,
  },
  {
    name: 'modules, HTTP/1.1, the module',
    where: async () => unlinked().modules,
    player: () => unlinked().module(ID.users),
    prefix: `/${ID.users}`,
  },
  {
    name: 'ingress, the module',
    where: () => linked().ingress(ID.users, ID.okapi),
    player: () => linked().module(ID.users),
  },
]

const HEAD = 'Host: x\r\nX-Okapi-Tenant: diku\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`
const GOOD = '5\r\nhello\r\n0\r\n\r\n'
const SMALL = '3\r\nabc\r\n'
/** Above what an outbox gathers before it writes. */
const LARGE = `${(30_000).toString(16)}\r\n${'a'.repeat(30_000)}\r\n`

const BODIES = {
  'no chunk at all': 'Z\r\n',
  'a size that ends with a line feed': '5\nhello\r\n0\r\n\r\n',
  'a chunk that is longer than it says': '2\r\nhello\r\n0\r\n\r\n',
  'a good chunk and a broken one': `${SMALL}Z\r\n`,
  'a large chunk and a broken one': `${LARGE}Z\r\n`,
  'a blank in an extension': '1;a b\r\nx\r\n0\r\n\r\n',
  'too long an extension': `1;${'a'.repeat(5000)}\r\nx\r\n0\r\n\r\n`,
  'a length in the trailers': `${SMALL}0\r\nContent-Length: 5\r\n\r\n`,
  'a guarded name twice in the trailers': '0\r\nX-Okapi-Tenant: a\r\nX-Okapi-Tenant: b\r\n\r\n',
  'a trailer with a blank before its colon': '0\r\nX : a\r\n\r\n',
} as const

const STARTS = ['DELETE /users/1', 'GET /users/1', 'POST /users', 'PUT /users/1']

const requestOf = (start: string, { prefix = '' }: Way, rest: string) =>
  `${start.replace(' ', ` ${prefix}`)} HTTP/1.1\r\n${rest}`

/** One request and its answer, so that connections stand ready; then what arrived is forgotten. */
async function ready(way: Way, t: ExecutionContext): Promise<Player> {
  const good = requestOf('DELETE /users/1', way, CHUNKED + GOOD)
  t.is(verdictOf(await ask(await way.where(), good)), '200')
  const player = way.player()
  player.forget()
  return player
}

/** The next request is the first that arrives, on a connection that was there before. */
async function nothingArrived(way: Way, player: Player, t: ExecutionContext): Promise<void> {
  t.is(player.bytes, '')
  const { connections } = player
  const next = requestOf('GET /users/next', way, `${HEAD}\r\n`)
  t.is(verdictOf(await ask(await way.where(), next)), '200')
  t.true(player.bytes.startsWith('GET /users/next HTTP/1.1\r\n'), player.bytes.slice(0, 200))
  t.is(player.connections, connections, 'the connection that stood ready was not touched')
}

for (const way of WAYS) {
  for (const [what, body] of Object.entries(BODIES)) {
    test.serial(`${way.name}: ${what}`, async (t) => {
      const player = await ready(way, t)
      for (const start of STARTS) {
        const answered = await ask(await way.where(), requestOf(start, way, CHUNKED + body))
        t.is(verdictOf(answered), '400 malformed-request', start)
        t.is(field(answered, 'Connection'), 'close')
      }
      await nothingArrived(way, player, t)
    })
  }

  test.serial(`${way.name}: the same bodies, whole: they arrive`, async (t) => {
    const player = await ready(way, t)
    for (const body of [GOOD, SMALL + LARGE + GOOD, '1;a=b\r\nx\r\n0\r\nX-A: b\r\n\r\n']) {
      for (const start of STARTS) {
        const request = requestOf(start, way, CHUNKED + body)
        t.is(verdictOf(await ask(await way.where(), request)), '200')
      }
    }
    t.is(player.requests.length, 12)
  })

  test.serial(`${way.name}: a broken request behind a good one`, async (t) => {
    const player = await ready(way, t)
    const first = requestOf('GET /users/1', way, `${HEAD}\r\n`)
    const second = requestOf('DELETE /users/2', way, `${CHUNKED}Z\r\n`)
    const talk = new Talk(await way.where()).send(first + second)
    t.is(verdictOf(await talk.next()), '200')
    t.is(verdictOf(await talk.next()), '400 malformed-request')
    t.is(await talk.end(), '')
    t.true(player.bytes.startsWith('GET /users/1 '))
    t.false(player.bytes.includes('DELETE'))
  })

  test.serial(`${way.name}: bytes behind the length that was said are no part of it`, async (t) => {
    const player = await ready(way, t)
    const first = requestOf(
      'DELETE /users/1',
      way,
      `${HEAD}Content-Length: 2\r\n\r\n{}smuggled\r\n\r\n`,
    )
    const talk = new Talk(await way.where()).send(first)
    t.is(verdictOf(await talk.next()), '200')
    t.is(verdictOf(await talk.next()), '400 malformed-request')
    t.is(await talk.end(), '')
    t.false(player.bytes.includes('smuggled'))
  })

  test.serial(`${way.name}: a body that breaks in a later read is never whole`, async (t) => {
    const player = await ready(way, t)
    const talk = new Talk(await way.where())
    const begun = new Promise<void>((resolve) => {
      player.partly = () => resolve()
    })
    talk.send(requestOf('PUT /users/1', way, CHUNKED + SMALL))
    await begun
    player.partly = () => {}
    talk.send('Z\r\n0\r\n\r\n')
    t.is(verdictOf(await talk.next()), '400 malformed-request')
    t.is(await talk.end(), '')
    t.is(player.requests.length, 0)
    t.false(player.bytes.includes('Z\r\n'))
    // Its connection is not used again: the next request is not the rest of that body.
    const next = requestOf('GET /users/next', way, `${HEAD}\r\n`)
    t.is(verdictOf(await ask(await way.where(), next)), '200')
    t.deepEqual(
      player.requests.map(({ first }) => first),
      ['GET /users/next HTTP/1.1'],
    )
  })
}

// A peer that speaks frames of its own making: the serving end relies on no other sidecar.

const rogueAt = (id: string) =>
  Rogue.connect(
    linked().sidecar(id).port('ingress'),
    join(linked().place.directory, 'certs', ID.okapi),
  )
const userHead = (start: string, lines: string) => `${start} HTTP/1.1\r\n${HEAD}${lines}\r\n`

for (const [what, frames] of [
  ...Object.entries(BODIES)
    .filter(([, body]) => body.length < 16_000)
    .map(([name, body]) => [name, (id: number, head: string) => open(id, head) + data(id, body)]),
  [
    'a large chunk and a broken one',
    (id: number, head: string) =>
      open(id, head) + data(id, LARGE.slice(0, 16_000)) + data(id, `${LARGE.slice(16_000)}Z\r\n`),
  ],
  [
    'a body that ends too early',
    (id: number, head: string) => open(id, head) + data(id, SMALL, FLAG.end),
  ],
  [
    'bytes behind the end',
    (id: number, head: string) => open(id, head) + data(id, `${GOOD}smuggled`),
  ],
] as [string, (id: number, head: string) => string][]) {
  test.serial(
    `a link by hand: ${what}: 400, and no connection to the module is opened`,
    async (t) => {
      const player = linked().module(ID.users)
      const rogue = await rogueAt(ID.users)
      let id = 0
      player.forget()
      const { connections } = player
      for (const start of STARTS) {
        rogue.send(frames(++id, userHead(start, 'Transfer-Encoding: chunked\r\n')))
        t.regex(await rogue.answer(id), /^HTTP\/1\.1 400 .*X-Sidecar-Refused: malformed-request/s)
      }
      t.is(player.bytes, '')
      t.is(player.connections, connections)
      rogue.send(open(++id, userHead('GET /users/next', ''), FLAG.end))
      t.regex(await rogue.answer(id), /^HTTP\/1\.1 200 /)
      t.true(player.bytes.startsWith('GET /users/next '))
      rogue.socket.destroy()
    },
  )
}

test.serial('a link by hand: more than the length that was said', async (t) => {
  const player = linked().module(ID.users)
  player.forget()
  const rogue = await rogueAt(ID.users)
  const head = userHead('DELETE /users/1', 'Content-Length: 2\r\n')
  rogue.send(open(1, head) + data(1, '{}smuggled'))
  t.regex(await rogue.answer(1), /^HTTP\/1\.1 400 /)
  t.is(player.bytes, '')
  rogue.send(open(2, head) + data(2, '{}', FLAG.end))
  t.regex(await rogue.answer(2), /^HTTP\/1\.1 200 /)
  t.is(player.requests.length, 1)
  rogue.socket.destroy()
})

test.serial(
  'a link by hand: exchanges in turns within one write, each judged by itself',
  async (t) => {
    const player = linked().module(ID.users)
    player.forget()
    const rogue = await rogueAt(ID.users)
    const ids = Array.from({ length: 60 }, (_, i) => i + 1)
    const isGood = (id: number) => id % 3 === 0
    const head = (id: number) => userHead(`DELETE /users/${id}`, 'Transfer-Encoding: chunked\r\n')
    rogue.send(
      ...ids.map((id) => open(id, head(id))),
      ...ids.map((id) => data(id, SMALL)),
      ...ids.map((id) => data(id, isGood(id) ? GOOD : 'Z\r\n', isGood(id) ? FLAG.end : 0)),
    )
    for (const id of ids) {
      t.regex(await rogue.answer(id), isGood(id) ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 400 /, `${id}`)
    }
    t.deepEqual(
      player.requests.map(({ first, body }) => [first, body]).toSorted(),
      ids
        .filter(isGood)
        .map((id) => [`DELETE /users/${id} HTTP/1.1`, 'abchello'])
        .toSorted(),
    )
    t.false(player.bytes.includes('Z\r\n'))
    rogue.socket.destroy()
  },
)
