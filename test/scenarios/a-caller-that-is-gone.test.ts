import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import net, { type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import tls from 'node:tls'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import {
  ask,
  get,
  ID,
  Installation,
  OK,
  request,
  type Sidecar,
  Talk,
  verdictOf,
  type Where,
} from '../support/scenario.ts'

// A caller that is gone gives its places back: at once where that can be known, after a bounded time
// where it looks like a caller that has only ended its side. Okapi's sidecar waits an hour for those:
// whatever ends there was known.

const T = 'X-Okapi-Tenant: diku'
const HOUR = 3_600_000
const RATE = { bodyBytesPerSecond: 50, bodyRateWindowMs: 2000 }

let installation: Installation
let okapi: Sidecar
let notes: Sidecar
let browsers: Exclude<Where, number>
let directory: string
/** Of the calls that Okapi does not answer: those whose connection is still there. */
let waiting = 0

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'public-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  const leaf = await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
  const shown = { listen: '127.0.0.1:0', credentials: { directory: leaf.dir } }
  const limits = { halfCloseMs: HOUR, exchangesPerCallee: 16, ...RATE }
  installation = await Installation.open({
    modules: [ID.notes, ID.tags],
    more: { [ID.okapi]: { public: shown, limits }, [ID.notes]: { limits: { halfCloseMs: 700 } } },
  })
  okapi = installation.sidecar(ID.okapi)
  notes = installation.sidecar(ID.notes)
  browsers = { port: okapi.port('public'), certificate: leaf.dir, shown: false }
})
test.beforeEach(() => {
  installation.okapi.forget()
  installation.okapi.reply = OK
  waiting = 0
})
test.after.always(async () => {
  await installation?.close()
  await rm(directory, { recursive: true, force: true })
})

/** Okapi answers none of these, and it is counted how many of them still wait. */
function silent(target: string): void {
  installation.okapi.reply = (asked, socket) => {
    if (!asked.first.includes(target)) return OK(asked, socket)
    waiting++
    socket.on('close', () => waiting--)
    return null
  }
}

const SLOW = get('/users/slow', T)

/** A client of its own, with the key of mod-tags. */
function withKey(version: tls.SecureVersion = 'TLSv1.3'): tls.TLSSocket {
  const file = (name: string) =>
    readFileSync(join(installation.place.directory, 'certs', ID.users, name))
  const own = { ca: file('ca.crt'), cert: file('tls.crt'), key: file('tls.key') }
  const versions = { minVersion: version, maxVersion: version, allowHalfOpen: true }
  const where = { host: '127.0.0.1', port: okapi.port('ingress') }
  const socket = tls.connect({
    ...where,
    ...own,
    ...versions,
    checkServerIdentity: () => undefined,
  })
  socket.on('error', () => {})
  return socket
}

test.serial('a share that is used up is free at once when its caller is gone', async (t) => {
  await installation.place.certificate(ID.users)
  silent('/users/slow')
  const calls: Talk[] = []
  const certificate = join(installation.place.directory, 'certs', ID.users)
  const where = { port: okapi.port('ingress'), certificate }
  for (let last = ''; last === ''; ) {
    const call = new Talk(where).send(SLOW)
    calls.push(call)
    await until(() => waiting === calls.length || call.received !== '')
    last = call.received
  }
  t.is(verdictOf(await calls.at(-1)!.next()), '429 too-many')
  t.true(waiting > 5)
  for (const call of calls) call.close()
  await until(() => waiting === 0)
  t.is(verdictOf(await ask(where, get('/users', T))), '200')
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test.serial(`${version}: a client that only ends its side gets its answer`, async (t) => {
    await installation.place.certificate(ID.users)
    installation.okapi.reply = async (asked, socket) => {
      await pause(500)
      return OK(asked, socket)
    }
    const together = withKey(version)
    together.end(SLOW)
    const later = withKey(version)
    later.write(SLOW)
    await until(() => installation.okapi.requests.length === 2)
    later.end()
    t.deepEqual(await Promise.all([together, later].map(answerOf)), ['200', '200'])
  })
}

/** The status of what comes back. */
async function answerOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const bytes of socket) text += bytes
  return text.slice(9, 12)
}

test.serial('a reset is known everywhere, also behind pipelined requests', async (t) => {
  silent('/users/slow')
  const callers = [SLOW, SLOW + get('/users', T), SLOW + get('/users', T).repeat(50)].map(
    (text) => {
      const socket = net.connect(notes.port('egress'), '127.0.0.1')
      socket.on('error', () => {})
      socket.write(text)
      return socket
    },
  )
  await until(() => waiting === callers.length)
  for (const socket of callers) socket.resetAndDestroy()
  await until(() => waiting === 0)
  t.pass()
})

test.serial(
  'without TLS one that is gone looks like one that ended its side: bounded',
  async (t) => {
    silent('/users/slow')
    const before = await limitHits(notes, 'halfCloseMs')
    const callers = [SLOW, SLOW + get('/users', T)].map((text) => {
      const socket = net.connect(notes.port('egress'), '127.0.0.1')
      socket.write(text)
      return socket
    })
    await until(() => waiting === callers.length)
    for (const socket of callers) socket.destroy()
    await until(() => waiting === 0)
    t.is(await limitHits(notes, 'halfCloseMs'), before + callers.length)
  },
)

test.serial('without TLS one that ended its side and reads is answered', async (t) => {
  installation.okapi.reply = async (asked, socket) => {
    await pause(300)
    return OK(asked, socket)
  }
  const socket = net.connect({ port: notes.port('egress'), host: '127.0.0.1', allowHalfOpen: true })
  socket.end(SLOW)
  t.is(await answerOf(socket), '200')
})

test.serial(
  'a half-closed caller that waits longer than limits.halfCloseMs gets 408, then is cut',
  async (t) => {
    silent('/users/slow')
    const talk = new Talk(notes.port('egress'))
    talk.send(SLOW).socket.end()
    const told = await talk.next()
    t.is(verdictOf(told), '408 timeout')
    t.regex(told.body, /limits\.halfCloseMs/)
    t.is(await talk.end(), '')
    await until(() => waiting === 0)
  },
)

test.serial('a body that drips at `public` is cut, one that is only slow arrives', async (t) => {
  const head = request('POST /authn/login', [T, 'Content-Length: 400'])
  const dripping = new Talk(browsers).send(head)
  const slow = new Talk(browsers).send(head)
  let cut = ''
  const told = dripping.next().then((message) => {
    cut = verdictOf(message)
  })
  let sent = 0
  while (cut === '') {
    dripping.send('x')
    if (sent < 390) slow.send('x'.repeat(10))
    sent += 10
    await pause(100)
  }
  await told
  t.is(cut, '408 timeout')
  t.is(await limitHits(okapi, 'bodyBytesPerSecond'), 1)
  while (sent < 390) {
    slow.send('x'.repeat(10))
    sent += 10
    await pause(100)
  }
  t.is(verdictOf(await slow.send('x'.repeat(10)).next()), '200')
  slow.close()
})
