import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import test from 'ava'
import type { Context } from '../../src/probe/context.ts'
import { control, requireReachable } from '../../src/probe/control.ts'

/** A port at which no process listens, and what is asked after every try that failed. */
async function closedPort(aborted: () => boolean): Promise<Context> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  const signal = {
    get aborted() {
      return aborted()
    },
  }
  const target = { host: '127.0.0.1', port, tls: true }
  return { target, timeoutMs: 60_000, signal } as Context
}

test('a target that comes up late is reached, if there is time to wait', async (t) => {
  const failed = Promise.withResolvers<void>()
  const context = await closedPort(() => {
    failed.resolve()
    return false
  })
  const reached = requireReachable(context, 60_000)
  await failed.promise
  const server = createServer().listen(context.target.port, '127.0.0.1')
  t.teardown(() => server.close())
  await reached
  t.pass()
})

test('without any, and when the run is over, it is said at once that it cannot be reached', async (t) => {
  const message = /^127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)$/
  await t.throwsAsync(requireReachable(await closedPort(() => false)), { message })
  await t.throwsAsync(requireReachable(await closedPort(() => true), 60_000), { message })
})

test('a refusal because of the tenant advises a token, unless one was given; other reasons do not', async (t) => {
  let reason = ''
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      const lines = [`X-Sidecar-Refused: ${reason}`, 'Content-Length: 0', 'Connection: close']
      socket.end(`HTTP/1.1 403 Forbidden\r\n${lines.join('\r\n')}\r\n\r\n`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const context = {
    target: { host: '127.0.0.1', port, tls: false },
    ...{ role: 'okapi', ordinaryPath: '/users', tenant: 'diku', trustDomain: 'folio.test' },
    ...{ timeoutMs: 10_000, signal: new AbortController().signal },
  } as Context
  const advice = async (said: string, more: Partial<Context> = {}) => {
    reason = said
    const told = await control({ ...context, ...more })
    t.false(told.let)
    return told.advice
  }
  t.regex((await advice('tenant-not-allowed')) ?? '', /--token-file/)
  t.is(await advice('tenant-not-allowed', { token: 'a.b.c' }), undefined)
  t.is(await advice('caller-not-allowed'), undefined)
  t.is(await advice('supertenant-not-allowed'), undefined)
})
