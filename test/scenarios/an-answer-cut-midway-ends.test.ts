import http from 'node:http'
import type { Socket } from 'node:net'
import test from 'ava'
import { limitHits } from '../support/scenario/metrics.ts'
import { get, ID, Installation, OK, request, Talk, verdictOf } from '../support/scenario.ts'

// A module cuts the body of its answer. Okapi (Vert.x) sees that its connection to the module was cut and
// keeps the one to its own caller open, without another byte. Its sidecar ends that after
// limits.responseIdleMs, so that the caller sees a cut and not silence.

const T = 'X-Okapi-Tenant: diku'

let installation: Installation
test.before(async () => {
  installation = await Installation.open({
    modules: [ID.users, ID.notes],
    more: { [ID.okapi]: { limits: { responseIdleMs: 1000 } } },
  })
})
test.beforeEach(() => {
  installation.okapi.reply = likeVertx
})
test.after.always(() => installation?.close())

/** Hands on what mod-users answers; an answer that is cut is never ended. */
function likeVertx({ first }: { readonly first: string }, socket: Socket): null {
  const [method = '', target = ''] = first.split(' ')
  const headers = { 'X-Okapi-Tenant': 'diku' }
  const to = {
    host: '127.0.0.1',
    port: installation.modules,
    method,
    path: `/${ID.users}${target}`,
    headers,
  }
  const asked = http.request({ ...to, agent: false }, (answer) => {
    const lines = Array.from({ length: answer.rawHeaders.length / 2 }, (_, i) => {
      return `${answer.rawHeaders[2 * i]}: ${answer.rawHeaders[2 * i + 1]}\r\n`
    })
    const chunked = answer.headers['transfer-encoding'] === 'chunked'
    socket.write(`HTTP/1.1 ${answer.statusCode} Relayed\r\n${lines.join('')}\r\n`)
    answer.on('data', (bytes: Buffer) => {
      if (chunked) socket.write(`${bytes.length.toString(16)}\r\n`)
      socket.write(bytes)
      if (chunked) socket.write('\r\n')
    })
    answer.on('end', () => chunked && socket.write('0\r\n\r\n'))
    answer.on('error', () => {})
  })
  asked.on('error', () => {})
  asked.end()
  return null
}

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'

for (const [how, begin, cut] of [
  ['ends too early for its Content-Length', LENGTH, (socket: Socket) => socket.end()],
  ['ends before its last chunk', CHUNKED, (socket: Socket) => socket.end()],
  ['is reset', LENGTH, (socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test.serial(
    `an answer that ${how} reaches the caller as a cut, whatever Okapi does`,
    async (t) => {
      const okapi = installation.sidecar(ID.okapi)
      const before = await limitHits(okapi, 'responseIdleMs')
      let module: Socket | undefined
      installation.module(ID.users).reply = (_asked, socket) => {
        module = socket
        return begin
      }
      const talk = new Talk(installation.egress(ID.notes)).send(get('/users/1', T))
      await talk.sees('half')
      cut(module!)
      const came = await talk.end()
      t.regex(came, /^HTTP\/1\.1 200 /)
      t.regex(came, /half(\r\n)?$/)
      t.is(await limitHits(okapi, 'responseIdleMs'), before + 1)
      // Okapi's connection is gone with it; the next call has another.
      installation.module(ID.users).reply = OK
      const next = new Talk(installation.egress(ID.notes))
      t.is(verdictOf(await next.send(get('/users/1', T)).next()), '200')
      next.close()
    },
  )
}

test.serial('what waits for the caller and not for the module is not counted', async (t) => {
  const okapi = installation.sidecar(ID.okapi)
  const before = await limitHits(okapi, 'responseIdleMs')
  installation.okapi.partly = (text, socket) => {
    if (text.endsWith('ha')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha')
  }
  const { promise: whole, resolve } = Promise.withResolvers<Socket>()
  installation.okapi.reply = ({ first }, socket) => {
    if (first.startsWith('GET')) return LENGTH
    resolve(socket)
    return null
  }
  const early = new Talk(installation.egress(ID.notes))
  early.send(request('POST /users', [T, 'Content-Length: 4'])).send('ha')
  await early.sees('\r\n\r\nha')
  // The time of this one is over; that of the other would be too.
  await new Talk(installation.egress(ID.notes)).send(get('/users/1', T)).end()
  t.is(await limitHits(okapi, 'responseIdleMs'), before + 1)
  early.send('lf')
  const socket = await whole
  socket.write('lf')
  await early.sees('half')
  early.close()
})
