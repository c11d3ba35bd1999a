import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type AppPlace, appHealth } from '../../src/observe/app-health.ts'
import { adminServer } from '../../src/observe/health.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { Readiness } from '../../src/observe/readiness.ts'

async function listening(t: ExecutionContext, server: Server): Promise<number> {
  t.teardown(() => void server.close())
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

const placeAt = (port: number, more: Partial<AppPlace> = {}): AppPlace => ({
  forward: { host: '127.0.0.1', port, authority: `127.0.0.1:${port}` },
  healthPath: '/admin/health',
  ...more,
})

async function module(t: ExecutionContext, listener: RequestListener) {
  return placeAt(await listening(t, createServer(listener)))
}

/** The admin listener in front of a module. */
async function admin(t: ExecutionContext, place: AppPlace | undefined) {
  const sources = { readiness: new Readiness(), metrics: new Metrics() }
  const server = adminServer(place === undefined ? sources : { ...sources, app: appHealth(place) })
  t.teardown(() => server.closeAllConnections())
  return `http://127.0.0.1:${await listening(t, server)}`
}

test('status and body of the module, and nothing else of it', async (t) => {
  const place = await module(t, (_, response) => {
    response.writeHead(503, {
      'content-type': 'text/html',
      'set-cookie': 'folioAccessToken=secret',
      location: '/elsewhere',
      'x-okapi-token': 'secret',
    })
    response.end('{"status":"DOWN"}')
  })
  const answer = await fetch(`${await admin(t, place)}/app/health`)
  t.is(answer.status, 503)
  t.is(await answer.text(), '{"status":"DOWN"}')
  t.is(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
  t.is(answer.headers.get('x-content-type-options'), 'nosniff')
  for (const name of ['set-cookie', 'location', 'x-okapi-token']) {
    t.is(answer.headers.get(name), null, name)
  }
})

test('the module sees one fixed request, whatever was asked', async (t) => {
  const seen: string[] = []
  const place = await module(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.rawHeaders.join('|')}`)
    response.end('OK')
  })
  const url = await admin(t, place)
  const { authority } = place.forward
  await fetch(`${url}/app/health`, {
    headers: {
      'X-Okapi-Tenant': 'diku',
      Authorization: 'x',
      Cookie: 'a=b',
      'X-Forwarded-For': '1',
    },
  })
  await fetch(`${url}/app/health`, { method: 'HEAD' })
  const expected = `GET /admin/health Host|${authority}|Accept|*/*|Connection|close`
  t.deepEqual(seen, [expected, expected])
})

test('no other path, query or method gets to the module', async (t) => {
  let asked = 0
  const place = await module(t, (_, response) => {
    asked++
    response.end('OK')
  })
  const url = await admin(t, place)
  for (const path of [
    '/app/health?tenant=x',
    '/app/health/',
    '/app/health%2f',
    '/app',
    '/app/importSQL',
    '/app/../admin/health',
    '//app/health',
  ]) {
    t.is((await fetch(url + path)).status, 404, path)
  }
  t.is((await fetch(`${url}/app/health`, { method: 'POST' })).status, 405)
  t.is((await fetch(`${url}/app/health`, { method: 'POST', body: 'x' })).status, 400)
  t.is(asked, 0)
})

test('without a module behind the sidecar there is no such page', async (t) => {
  t.is((await fetch(`${await admin(t, undefined)}/app/health`)).status, 404)
})

test('at most 64 KiB are taken, however much there is', async (t) => {
  const place = await module(t, (_, response) => {
    const flood = () => {
      while (response.write(Buffer.alloc(16_384, 'x')));
    }
    response.on('drain', flood)
    response.on('error', () => {})
    flood()
  })
  const { status, body } = await appHealth(place)()
  t.is(status, 200)
  t.is(body.length, 65_536)
})

test('a module that is not there, does not answer, or breaks off, is not well', async (t) => {
  const gone = createTcpServer()
  const port = await listening(t, gone)
  await new Promise((resolve) => {
    gone.close(resolve)
  })
  t.is((await appHealth(placeAt(port))()).status, 503)

  const silent = await listening(
    t,
    createTcpServer((socket) => void socket.on('error', () => {})),
  )
  const late = await appHealth(placeAt(silent, { timeoutMs: 50 }))()
  t.is(late.status, 504)

  const short = await listening(
    t,
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    }),
  )
  t.is((await appHealth(placeAt(short))()).status, 502)

  for (const bytes of [
    'SSH-2.0-x\r\n',
    'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  ]) {
    const odd = await listening(
      t,
      createTcpServer((socket) => {
        socket.on('error', () => {})
        socket.end(bytes)
      }),
    )
    t.is((await appHealth(placeAt(odd))()).status, 502, bytes)
  }
})

test('callers that ask during a check get the answer of that check', async (t) => {
  let asked = 0
  const held: (() => void)[] = []
  const place = await module(t, (_, response) => {
    asked++
    held.push(() => response.end('OK'))
    if (asked > 1) response.end('OK')
  })
  const ask = appHealth(place)
  const many = Promise.all(Array.from({ length: 50 }, () => ask()))
  while (held.length === 0) await new Promise(setImmediate)
  held[0]?.()
  const answers = await many
  t.is(asked, 1)
  t.true(answers.every(({ body }) => body === 'OK'))
  await ask()
  t.is(asked, 2)
})

test('a module behind a Unix socket', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-app-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'module.sock')
  const server = createServer((_, response) => response.end('OK'))
  t.teardown(() => void server.close())
  await new Promise<void>((resolve) => {
    server.listen(path, resolve)
  })
  const place = { forward: { path, authority: 'localhost' }, healthPath: '/_/proxy/health' }
  t.deepEqual(await appHealth(place)(), { status: 200, body: 'OK' })
})
