import { setTimeout as pause } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { FLAG, RESET } from '../../src/wire/link/frames.ts'
import { data, open, ping, reset } from '../support/link-frames.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { Rogue } from '../support/scenario/rogue.ts'
import { answer, ask, get, ID, Installation, OK, Talk, verdictOf } from '../support/scenario.ts'

// A module with a key of its own breaks off exchanges as fast as it can, each of which costs Okapi a
// connection: by bytes that no parser takes (the server is made to reset: CVE-2025-8671), by giving them
// up, by uploads that are not read. It may do so no more often than limits.brokenOffPerSecond; a body
// that is broken from its start costs no connection at all; another module is served all the while.

const T = 'X-Okapi-Tenant: diku'
const PER_SECOND = 8
const AT_ONCE = 8 * PER_SECOND
/** How long each attack lasts at least. */
const ATTACK_MS = 3000
/** Exchanges that the attacker has open at a time. */
const WAVE = 64
const HONEST = 4

let installation: Installation
/** Of the attacker: each attack is another's, with an unused budget. */
let certificate: string
const ATTACKERS = [ID.notes, ID.authtoken, ID.inventory, ID.login, ID.saml]

test.before(async () => {
  const limits = { brokenOffPerSecond: PER_SECOND }
  installation = await Installation.open({
    processes: true,
    modules: [ID.users],
    more: { [ID.okapi]: { limits, log: { access: false } } },
  })
})
test.beforeEach(async () => {
  certificate = await installation.place.certificate(ATTACKERS.pop()!)
})
test.afterEach(() => {
  installation.okapi.reply = OK
  installation.okapi.partly = () => {}
})
test.after.always(() => installation?.close())

const port = () => installation.sidecar(ID.okapi).port('ingress')
const head = (start: string, ...lines: string[]) =>
  [`${start} HTTP/1.1`, 'Host: x', T, ...lines, '', ''].join('\r\n')

/** What an attacker does with a link that is open: exchanges from this id on. Resolves when they are over. */
type Wave = (rogue: Rogue, first: number) => Promise<void>

/** A link after the other, a wave after the other, until the time is over. */
async function attackOverLinks(wave: Wave, ended: () => boolean): Promise<void> {
  while (!ended()) {
    const rogue = await Rogue.connect(port(), certificate).catch(() => null)
    if (rogue === null) continue
    for (let first = 1; !ended() && !rogue.socket.destroyed; first += WAVE) {
      rogue.received = ''
      await Promise.race([wave(rogue, first), rogue.closed])
    }
    rogue.socket.destroy()
  }
}

/** Whatever was sent before has been read, and what it led to has been done. */
async function seen(rogue: Rogue): Promise<void> {
  const before = rogue.frames.filter(({ type }) => type === 'ping').length
  rogue.send(ping())
  await until(
    () =>
      rogue.socket.destroyed || rogue.frames.filter(({ type }) => type === 'ping').length > before,
  )
}

const ids = (first: number) => Array.from({ length: WAVE }, (_, i) => first + i)
const chunked = head('POST /users', 'Transfer-Encoding: chunked')

const brokenAtOnce: Wave = async (rogue, first) => {
  rogue.send(...ids(first).map((id) => open(id, chunked) + data(id, 'INVALID!!')))
  await seen(rogue)
}

const brokenLater: Wave = async (rogue, first) => {
  rogue.send(...ids(first).map((id) => open(id, chunked) + data(id, '3\r\nabc\r\n')))
  await seen(rogue)
  rogue.send(...ids(first).map((id) => data(id, 'INVALID!!')))
  await seen(rogue)
}

const cancelled: Wave = async (rogue, first) => {
  rogue.send(...ids(first).map((id) => open(id, head('GET /users/slow'), FLAG.end)))
  await seen(rogue)
  rogue.send(...ids(first).map((id) => reset(id, RESET.cancelled)))
  await seen(rogue)
}

const uploadsThatNobodyReads: Wave = async (rogue, first) => {
  const upload = head('POST /users', 'Content-Length: 1000000')
  rogue.send(...ids(first).map((id) => open(id, upload)))
  await seen(rogue)
  rogue.send(...ids(first).map((id) => reset(id, RESET.cancelled)))
  await seen(rogue)
}

/** The same over HTTP/1.1: each costs a handshake. */
async function attackByHalves(ended: () => boolean): Promise<void> {
  const where = { port: port(), certificate }
  while (!ended()) {
    const asked = head('PUT /users/1', 'Expect: 100-continue', 'Content-Length: 100')
    const talk = new Talk(where).send(`${asked}begun`)
    // What is refused is answered at once; Okapi says that it goes on where it got it.
    await talk.sees('HTTP/1.1 ').catch(() => {})
    talk.close()
  }
}

/** A module that does nothing wrong: what it is told, and how often. */
async function honest(ended: () => boolean): Promise<Map<string, number>> {
  const verdicts = new Map<string, number>()
  while (!ended()) {
    const verdict = verdictOf(await ask(installation.egress(ID.users), get('/users/1', T)))
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
  }
  return verdicts
}

const told = () => limitHits(installation.sidecar(ID.okapi), 'brokenOffPerSecond')

/** Attacks until it is told to stop, and counts the connections that Okapi got meanwhile. */
async function under(t: ExecutionContext, attack: (ended: () => boolean) => Promise<void>) {
  const { okapi } = installation
  t.is(verdictOf(await ask(installation.egress(ID.users), get('/users/1', T))), '200')
  const before = await told()
  const [connections, began] = [okapi.connections, performance.now()]
  let over = false
  const ended = () => over
  const [verdicts] = await Promise.all([
    Promise.all(Array.from({ length: HONEST }, () => honest(ended))),
    attack(ended),
    pause(ATTACK_MS)
      .then(() => until(async () => (await told()) > before || attack === harmless))
      .finally(() => {
        over = true
      }),
  ])
  const seconds = (performance.now() - began) / 1000
  for (const each of verdicts) t.deepEqual([...each.keys()], ['200'])
  const opened = okapi.connections - connections
  const calls = verdicts.map((each) => each.get('200'))
  t.log(`${opened} connections in ${seconds.toFixed(1)} s, ${calls} honest calls`)
  return { opened, most: AT_ONCE + seconds * PER_SECOND }
}

for (const [what, wave] of Object.entries({ brokenLater, cancelled, uploadsThatNobodyReads })) {
  test.serial(`exchanges over a link: ${what}`, async (t) => {
    // Okapi answers uploads before it has read them, and is slow where it is asked to be.
    installation.okapi.reply = ({ first }) =>
      first.includes('/slow') ? new Promise(() => {}) : answer('200 OK')
    installation.okapi.partly = (text, socket) => {
      if (text.includes('Content-Length: 1000000')) socket.write(answer('413 Too Large'))
    }
    const { opened, most } = await under(t, (ended) => attackOverLinks(wave, ended))
    // Those that were under way when the budget was gone end badly too.
    t.true(opened <= most + WAVE + HONEST, `${opened} of ${most}`)
  })
}

/** Nothing of it reaches Okapi, so it is never told `too-many`. */
const harmless = (ended: () => boolean) => attackOverLinks(brokenAtOnce, ended)

test.serial('exchanges over a link: broken from the start', async (t) => {
  const { opened } = await under(t, harmless)
  t.true(opened <= HONEST, String(opened))
})

test.serial('requests in halves over HTTP/1.1', async (t) => {
  installation.okapi.partly = (_text, socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n')
  const together = 16
  const { opened, most } = await under(t, async (ended) => {
    await Promise.all(Array.from({ length: together }, () => attackByHalves(ended)))
  })
  t.true(opened <= most + together + HONEST, `${opened} of ${most}`)
})
