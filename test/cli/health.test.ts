import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type ListenOptions,
  type Server,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { adminServer } from '../../src/observe/health.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { Readiness } from '../../src/observe/readiness.ts'
import { typed } from '../support/typed.ts'

async function health(argv: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout: out, stderr: err } = await typed(['health', ...argv], { env })
  return { code, out, err }
}

function listening<S extends Server>(
  t: ExecutionContext,
  server: S,
  where: ListenOptions = { host: '127.0.0.1', port: 0 },
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  t.teardown(() => void server.close())
  server.listen(where, () => {
    const address = server.address() as AddressInfo | string
    resolve(typeof address === 'string' ? address : `127.0.0.1:${address.port}`)
  })
  return promise
}

function answering(t: ExecutionContext, listener: RequestListener) {
  return listening(t, createServer(listener))
}

test('ready is 0, not ready is 1 and says what it waits for', async (t) => {
  const readiness = new Readiness()
  const done = readiness.register('every listener')
  const address = await listening(t, adminServer({ readiness, metrics: new Metrics() }))
  const waiting = await health([`http://${address}`])
  t.is(waiting.code, 1)
  t.is(waiting.out, '')
  t.true(waiting.err.includes('every listener'), waiting.err)
  done()
  const ready = await health([`http://${address}`])
  t.is(ready.code, 0, ready.err)
  t.true(ready.out.startsWith(`http://${address}/ready: healthy (200)`), ready.out)
  readiness.drain()
  t.is((await health([`http://${address}/ready`])).code, 1)
  t.is((await health([`http://${address}/live`])).code, 0)
})

test('without a URL it asks where the sidecar of this host listens', async (t) => {
  const metrics = new Metrics()
  const address = await listening(t, adminServer({ readiness: new Readiness(), metrics }))
  const port = address.split(':')[1]
  const { code, out } = await health([], { SIDECAR_ADMIN_LISTEN: `0.0.0.0:${port}` })
  t.is(code, 0)
  t.true(out.startsWith(`http://127.0.0.1:${port}/ready`), out)
  t.is((await health([], { SIDECAR_ADMIN_LISTEN: 'nowhere' })).code, 2)
})

test('a Unix socket', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-health-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'admin.sock')
  const server = adminServer({ readiness: new Readiness(), metrics: new Metrics() })
  await listening(t, server, { path })
  t.is((await health([`unix:${path}`])).code, 0)
  const { code, err } = await health([`unix:${path}x`])
  t.is(code, 1)
  t.true(err.includes('nothing listens'), err)
})

test('the JSON has every key in every case', async (t) => {
  const address = await answering(t, (_, response) => response.writeHead(503).end('no'))
  const { code, out } = await health([`http://${address}/x?y=1`, '--json'])
  t.is(code, 1)
  const url = `http://${address}/x?y=1`
  t.deepEqual(JSON.parse(out), { url, healthy: false, status: 503, body: 'no', problem: null })
})

test('no answer, or half of one, is not healthy', async (t) => {
  const silent = await listening(
    t,
    createTcpServer((socket) => socket.on('error', () => {})),
  )
  const late = await health([`http://${silent}`, '--timeout', '0.3'])
  t.is(late.code, 1)
  t.true(late.err.includes('no answer within 0.3 s'), late.err)

  const half = await answering(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('half')
    response.socket?.end()
  })
  t.is((await health([`http://${half}`])).code, 1)

  const endless = await answering(t, (_, response) => {
    response.write(Buffer.alloc(70_000))
  })
  const long = await health([`http://${endless}`])
  t.is(long.code, 1)
  t.true(long.err.includes('more than 65536 bytes'), long.err)
})

test('a redirect is not followed and is not healthy', async (t) => {
  let asked = 0
  const address = await answering(t, (_, response) => {
    asked++
    response.writeHead(302, { location: '/ready' }).end()
  })
  t.is((await health([`http://${address}`])).code, 1)
  t.is(asked, 1)
})

test('an answer is shown without control characters', async (t) => {
  const address = await answering(t, (_, response) => response.end('\u001b[2Jcleared'))
  const { code, out } = await health([`http://${address}`])
  t.is(code, 0)
  t.false(out.includes('\u001b'))
  t.true(out.includes('?[2Jcleared'))
})

for (const wrong of [
  ['https://127.0.0.1:9901'],
  ['127.0.0.1:9901'],
  ['http://user@127.0.0.1:9901'],
  ['http://127.0.0.1:9901/#x'],
  ['http://127.0.0.1:99999'],
  ['unix:relative'],
  ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
  ['--timeout', '0'],
  ['--timeout', '1s'],
  ['--wait'],
]) {
  test(`wrong usage is 2: ${wrong.join(' ')}`, async (t) => {
    const { code, err } = await health(wrong)
    t.is(code, 2, err)
    t.true(err.startsWith('okapi-sidecar: error: '), err)
  })
}
