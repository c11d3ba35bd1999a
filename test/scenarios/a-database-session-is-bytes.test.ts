import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createServer as createTlsServer } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { errorResponse } from '../../src/postgres/errors.ts'
import { message } from '../../src/postgres/protocol.ts'
import { refuse } from '../../src/refusal/refusal.ts'
import { until } from '../support/patience.ts'
import { makeCa } from '../support/pki.ts'
import {
  type Cluster,
  DatabaseSidecar,
  PASSWORD,
  POSTGRES_BIN,
  sharedCluster,
  withPostgres,
} from '../support/postgres.ts'
import { authentication, errorFields, startupPacket } from '../support/postgres-packets.ts'

const cluster = sharedCluster()
const QUERY = message(0x51, Buffer.from("SELECT 'it is ' || 'here'\0"))
const TERMINATE = message(0x58, Buffer.alloc(0))

/** All that comes back of these bytes, sent at once or one by one. */
async function answerTo(port: number, bytes: Buffer, oneByOne = false): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  if (!oneByOne) socket.write(bytes)
  else for (const byte of bytes) socket.write(Buffer.from([byte]))
  return buffer(socket)
}

withPostgres(
  'what is sent behind the start-up message waits for the end of the login, and is answered',
  async (t) => {
    const more = { roles: ['diku_mod_tags'], authentication: ['cert'] }
    const sidecar = await DatabaseSidecar.start(t, await cluster(), more)
    const startup = startupPacket({ user: 'diku_mod_tags', database: 'folio' })
    for (const oneByOne of [false, true]) {
      const bytes = Buffer.concat([startup, QUERY, QUERY, TERMINATE])
      const answer = (await answerTo(sidecar.port, bytes, oneByOne)).toString('latin1')
      t.is(answer.split('it is here').length, 3)
    }
  },
)

withPostgres('a newer protocol is negotiated as the server says', async (t) => {
  const more = { roles: ['diku_mod_tags'], authentication: ['cert'] }
  const sidecar = await DatabaseSidecar.start(t, await cluster(), more)
  const startup = startupPacket({ user: 'diku_mod_tags', database: 'folio' }, 3, 9999)
  const answer = await answerTo(sidecar.port, Buffer.concat([startup, QUERY, TERMINATE]))
  // Up to PostgreSQL 17 it is 3.0, from 18 on 3.2, which is the newest that is known here.
  t.regex(answer.subarray(0, 13).toString('hex'), /^760000000c0003000[02]00000000$/)
  t.true(answer.includes('it is here'))
})

withPostgres(
  'a client that reads nothing stops the server, and not the memory of the sidecar',
  async (t) => {
    const place = await cluster()
    const sidecar = await DatabaseSidecar.start(t, place)
    const rows = "COPY (SELECT repeat('x', 10000) FROM generate_series(1, 20000)) TO STDOUT"
    const child = spawn(
      `${POSTGRES_BIN}/psql`,
      ['-X', '-d', sidecar.place('folio_users'), '-c', rows],
      { env: { PGPASSWORD: PASSWORD }, stdio: ['ignore', 'pipe', 'ignore'] },
    )
    child.stdout.pause()
    const blocked =
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%20000%' AND wait_event = 'ClientWrite' AND usename = 'folio_users'"
    await until(async () => (await place.asBoss(blocked)).out === '1\n')
    child.kill('SIGKILL')
    const [line] = await sidecar.process.say(({ msg }) => msg === 'database session ended')
    // 200 MB are asked for; what the kernel's buffers hold is let through.
    t.true(Number(line?.['bytesOut']) < 100_000_000, String(line?.['bytesOut']))
  },
)

withPostgres('a Unix socket will do, and several threads serve as one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pg-socket-'))
  chmodSync(directory, 0o755)
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const listen = `unix:${directory}/.s.PGSQL.5432`
  const sidecar = await DatabaseSidecar.start(t, await cluster(), { listen }, { workers: 2 })
  const place = `host=${directory} port=5432 user=folio_users dbname=folio`
  const { out, err } = await sidecar.psql('', 'SELECT 1', { place })
  t.is(out, '1\n', err)
})

/** A sidecar whose server is this one. */
async function before(t: ExecutionContext, server: Server, more = {}, sections = {}) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const ca = await makeCa(undefined, 'root1')
  const sidecar = await DatabaseSidecar.start(t, { ca, port } as Cluster, more, sections)
  const startup = startupPacket({ user: 'folio_users', database: 'folio' })
  return errorFields(await answerTo(sidecar.port, startup))
}

test('sslNegotiation: direct begins with TLS, and the server must answer to its ALPN', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { keyPem: key, chainPem: cert } = await ca.issue({ ip: ['127.0.0.1'] })
  const said = errorResponse(refuse('overloaded', 'the server itself says this'))
  for (const [alpn, expected] of [
    [{ ALPNProtocols: ['postgresql'] }, /the server itself says this/],
    [{}, /does not answer to ALPN postgresql.*upstream-untrusted/],
  ] as const) {
    const server = createTlsServer({ key, cert, ...alpn }, (socket) => {
      socket.on('error', () => socket.destroy())
      socket.once('data', () => socket.end(said))
    })
    t.regex((await before(t, server, { sslNegotiation: 'direct' }))?.['M'] ?? '', expected)
  }
})

test('the certificate of a module proves no database, though it has its address', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const uri = ['spiffe://folio.test/module/mod-tags-3.1.0']
  const { keyPem: key, chainPem: cert } = await ca.issue({ ip: ['127.0.0.1'], uri })
  const asked: string[] = []
  const server = createTlsServer({ key, cert, ALPNProtocols: ['postgresql'] }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => void asked.push(bytes.toString('latin1')))
  })
  const said = (await before(t, server, { sslNegotiation: 'direct' }))?.['M'] ?? ''
  t.regex(said, /it is spiffe:\S+mod-tags-3\.1\.0, not a server.*upstream-untrusted/)
  t.deepEqual(asked, [])
})

test('a server that does not accept the sidecar’s certificate: the module gets an error that says so', async (t) => {
  const [ca, other] = [await makeCa(undefined, 'root1'), await makeCa(undefined, 'root2')]
  const { keyPem: key, chainPem: cert } = await ca.issue({ ip: ['127.0.0.1'] })
  const strict = { requestCert: true, rejectUnauthorized: true, ca: other.certPem }
  const server = createTlsServer({ key, cert, ALPNProtocols: ['postgresql'], ...strict })
  const error = await before(t, server, { sslNegotiation: 'direct' })
  t.regex(error?.['M'] ?? '', /closed the connection before the login was over.*upstream-unreach/)
  t.is(error?.['C'], '08001')
})

test('a client that leaves when it is asked for a password is no refusal', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const { keyPem: key, chainPem: cert } = await ca.issue({ ip: ['127.0.0.1'] })
  const server = createTlsServer({ key, cert, ALPNProtocols: ['postgresql'] }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.write(authentication(10, 'SCRAM-SHA-256\0\0')))
    socket.resume()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const place = { ca, port: (server.address() as AddressInfo).port } as Cluster
  const sidecar = await DatabaseSidecar.start(t, place, { sslNegotiation: 'direct' })
  for (const how of ['end', 'resetAndDestroy'] as const) {
    const socket = connect({ port: sidecar.port, host: '127.0.0.1' })
    socket.write(startupPacket({ user: 'folio_users', database: 'folio' }))
    await once(socket, 'data')
    socket[how]()
  }
  const lines = await sidecar.process.say(({ msg }) => /session (refused|ended)/.test(`${msg}`), 2)
  t.deepEqual(
    lines.map(({ msg }) => msg),
    Array(2).fill('database session ended'),
  )
})

test('a server that says nothing is given up after limits.handshakeMs', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.resume()
  })
  const error = await before(t, server, {}, { limits: { handshakeMs: 300 } })
  t.regex(error?.['M'] ?? '', /did not finish the TLS handshake in time.*timeout-upstream/)
  t.is(error?.['C'], '08001')
})

test('a server whose authority is taken out of trust during the handshake gets no session', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pg-trust-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const trust = join(directory, 'trust.crt')
  const [ca, other] = [await makeCa(undefined, 'root1'), await makeCa(undefined, 'root2')]
  writeFileSync(trust, ca.certPem, { mode: 0o644 })
  const { keyPem: key, chainPem: cert } = await ca.issue({ ip: ['127.0.0.1'] })
  const said = errorResponse(refuse('overloaded', 'the server itself says this'))
  const secure = createTlsServer({ key, cert }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.end(said))
  })
  let goOn = () => {}
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      socket.write('S')
      socket.once('data', (hello: Buffer) => {
        socket.pause()
        goOn = () => {
          socket.unshift(hello)
          secure.emit('connection', socket)
        }
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const more = { trust, clientCertificate: 'none', authentication: ['scram-sha-256'] }
  const limits = { handshakeMs: 60_000 }
  const sidecar = await DatabaseSidecar.start(t, { ca, port } as Cluster, more, { limits })
  const before = goOn
  const answer = answerTo(sidecar.port, startupPacket({ user: 'folio_users', database: 'folio' }))
  await until(() => goOn !== before)
  writeFileSync(trust, other.certPem, { mode: 0o644 })
  await sidecar.process.say(({ msg }) => msg === 'database trust loaded')
  goOn()
  t.regex(errorFields(await answer)?.['M'] ?? '', /untrusted-certificate/)
  const [line] = await sidecar.process.say(({ msg }) => msg === 'database session refused')
  t.is(line?.['reason'], 'untrusted-certificate')
})
