import { once } from 'node:events'
import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { adminServer } from '../../src/observe/health.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { Readiness } from '../../src/observe/readiness.ts'
import { formatAddress } from '../../src/transport/address.ts'
import { bind } from '../../src/transport/bind.ts'
import { MemorySocket } from '../support/memory-socket.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

async function open(readiness: Readiness) {
  const server = adminServer({ readiness, metrics: new Metrics() })
  const address = formatAddress(await bind(server, LOOPBACK))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { address, close }
}

async function start(t: ExecutionContext, readiness = new Readiness()) {
  const admin = await open(readiness)
  t.teardown(() => admin.close())
  return { readiness, address: admin.address, url: `http://${admin.address}` }
}

/** Sends bytes and resolves with everything that came back until the end. */
async function raw(address: string, bytes: string): Promise<string> {
  const [host = '', port] = address.split(':')
  const socket = connect(Number(port), host)
  let answer = ''
  socket.setEncoding('latin1').on('data', (data) => {
    answer += data
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}

test('ready names what it waits for, until nothing is left', async (t) => {
  const { readiness, url } = await start(t)
  const done = readiness.register('credentials')
  const other = readiness.register('policy')
  const waiting = await fetch(`${url}/ready`)
  t.is(waiting.status, 503)
  t.deepEqual(await waiting.json(), {
    ready: false,
    draining: false,
    waitsFor: ['credentials', 'policy'],
  })
  done()
  done()
  t.is((await fetch(`${url}/ready`)).status, 503)
  other()
  const ready = await fetch(`${url}/ready`)
  t.is(ready.status, 200)
  t.deepEqual(await ready.json(), { ready: true })
})

test('draining is not ready, and lives', async (t) => {
  const { readiness, url } = await start(t)
  readiness.drain()
  const { status } = await fetch(`${url}/ready`)
  t.is(status, 503)
  t.is((await fetch(`${url}/live`)).status, 200)
})

test('two that wait for the same are both waited for', (t) => {
  const readiness = new Readiness()
  const [one, other] = [readiness.register('bind'), readiness.register('bind')]
  one()
  one()
  t.false(readiness.ready)
  other()
  t.true(readiness.ready)
})

test('metrics are what Prometheus reads', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/metrics`)
  t.is(response.status, 200)
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  t.true((await response.text()).includes('sidecar_requests_total{direction="ingress"'))
})

test('a query asks for the same page', async (t) => {
  const { url, address } = await start(t)
  const { status, body } = await (async () => {
    const response = await fetch(`${url}/ready?verbose`)
    return { status: response.status, body: await response.text() }
  })()
  const plain = await fetch(`${url}/ready`)
  t.deepEqual([status, body], [plain.status, await plain.text()])
  t.true((await (await fetch(`${url}/metrics?x=1`)).text()).includes('sidecar_requests_total'))
  for (const target of ['/live?', '/live?a?b', '/live?/../metrics', '/live?%zz']) {
    const head = `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    const answer = await raw(address, head)
    t.true(answer.startsWith('HTTP/1.1 200 ') && answer.endsWith('{"live":true}\n'), target)
  }
})

test('HEAD answers without a body', async (t) => {
  const { url } = await start(t)
  for (const path of ['/live', '/ready', '/metrics']) {
    const response = await fetch(url + path, { method: 'HEAD' })
    t.is(response.status, 200)
    t.true(Number(response.headers.get('content-length')) > 0)
    t.is(await response.text(), '')
  }
})

test('everything else is not found, whatever it resembles', async (t) => {
  const { address } = await start(t)
  const targets = [
    '/',
    '/?/live',
    '/live/',
    '/live/?',
    '/live%3F',
    '//live',
    '/LIVE',
    '/status',
    '/%6cive',
  ]
  for (const target of [
    ...targets,
    '/../live',
    '/metrics/..',
    'http://a/live',
    '*',
    '/__proto__',
  ]) {
    const answer = await raw(
      address,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    t.regex(answer, /^HTTP\/1\.1 404 /, target)
  }
})

test('no method changes anything', async (t) => {
  const { address } = await start(t)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
    const head = `${method} /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    const answer = await raw(address, head)
    t.regex(answer, /^HTTP\/1\.1 405 /, method)
    t.regex(answer, /\r\nallow: GET, HEAD\r\n/i, method)
  }
  t.is(await raw(address, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'), '')
})

test('a body is refused and never read as another request', async (t) => {
  const { address } = await start(t)
  const inner = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'
  for (const framing of [`Content-Length: ${inner.length}`, 'Transfer-Encoding: chunked']) {
    const answer = await raw(address, `GET /live HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${inner}`)
    t.regex(answer, /^HTTP\/1\.1 400 /)
    t.is(answer.match(/HTTP\/1\.1/g)?.length, 1)
    t.false(answer.includes('sidecar_'))
  }
  const expecting =
    'GET /live HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'
  t.regex(await raw(address, expecting), /^HTTP\/1\.1 417 /)
})

test('a head above 8 KiB is refused', async (t) => {
  const { address } = await start(t)
  const answer = await raw(
    address,
    `GET /live HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(9000)}\r\n\r\n`,
  )
  t.regex(answer, /^HTTP\/1\.1 431 /)
})

test('closing ends connections that are kept alive', async (t) => {
  const readiness = new Readiness()
  const admin = await open(readiness)
  const socket = connect(Number(admin.address.split(':')[1]), '127.0.0.1')
  socket.write('GET /live HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  const closed = once(socket, 'close')
  admin.close()
  await closed
  t.pass()
})

test('a client that asks again before its answer is cut off; others are answered', async (t) => {
  const metrics = new Metrics()
  let made = 0
  const text = () => {
    made++
    return metrics.text()
  }
  const { contentType } = metrics
  const server = adminServer({ readiness: new Readiness(), metrics: { contentType, text } })
  const address = formatAddress(await bind(server, LOOPBACK))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  let told = 0
  server.prependListener('request', () => told++)
  for (const path of ['/metrics', '/live', '/ready', '/nothing']) {
    for (const times of [2, 1000]) {
      const many = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(times)
      t.true((await raw(address, many)).split('HTTP/1.1 ').length <= 2, path)
    }
  }
  t.true(told <= 8, `Node has read ${told} requests`)
  const expecting = 'GET /live HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n'
  t.true((await raw(address, expecting.repeat(100))).split('HTTP/1.1 ').length <= 2)
  t.true(made <= 1, `${made}`)
  t.is((await fetch(`http://${address}/live`)).status, 200)
})

test('the page of metrics is made once for all who ask at the same time', async (t) => {
  const metrics = new Metrics()
  let made = 0
  const server = adminServer({
    readiness: new Readiness(),
    metrics: {
      contentType: metrics.contentType,
      text: () => {
        made++
        return metrics.text()
      },
    },
  })
  const ask = () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const socket = new MemorySocket()
    server.emit('connection', socket)
    socket.push('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    socket.on('finish', () => resolve(socket.sent))
    return promise
  }
  const answers = await Promise.all(Array.from({ length: 50 }, ask))
  t.true(answers.every((answer) => answer.startsWith('HTTP/1.1 200 OK')))
  t.true(made < 5, `${made}`)
})
