import { once } from 'node:events'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { ServerConnector } from '../../src/postgres/server-connection.ts'
import type { Refusal } from '../../src/refusal/refusal.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import type { NamedPlace, OpenedNamed } from '../../src/transport/named-handshake.ts'
import { namedServerContext } from '../../src/transport/named-server.ts'
import { callerIn } from '../../src/trust/identity.ts'
import { type CertificateOptions, makeCa } from '../support/pki.ts'

const NAME = 'db.folio.test'

/** A server that takes SSLRequest, and then TLS. */
async function serverAt(
  t: ExecutionContext,
  host: string,
  port: number,
  secureContext: SecureContext,
): Promise<Server> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', () => {
      socket.write('S')
      const secure = new TLSSocket(socket, { isServer: true, secureContext })
      secure.on('error', () => secure.destroy())
      secure.resume()
    })
  }).listen(port, host)
  t.teardown(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  await once(server, 'listening')
  return server
}

/** Two servers on one port of two addresses, and a connector to the name in a hosts file. */
async function moving(t: ExecutionContext, names: CertificateOptions = { dns: [NAME] }) {
  const ca = await makeCa(undefined, 'root1')
  const issued = await ca.issue({ ...names, eku: ['serverAuth'] })
  const secure = createSecureContext({ key: issued.keyPem, cert: issued.chainPem })
  const first = await serverAt(t, '127.0.0.1', 0, secure)
  const { port } = first.address() as AddressInfo
  await serverAt(t, '127.0.0.2', port, secure)
  const directory = mkdtempSync(join(tmpdir(), 'hosts-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const hosts = join(directory, 'hosts')
  let now = 0
  const point = (...addresses: string[]) => {
    writeFileSync(hosts, addresses.map((each) => `${each} db.folio.test\n`).join(''))
    // Whatever the file system's clock: it is another file now.
    now += 600_000
    utimesSync(hosts, now / 1000, now / 1000)
  }
  const clock = new CoarseClock()
  t.teardown(() => clock.stop())
  const context = namedServerContext({ ca: [ca.certPem], crl: [] }, undefined)
  const connector = new ServerConnector({
    places: [{ host: 'db.folio.test', port, name: 'db.folio.test' }],
    sslNegotiation: 'postgres',
    callerIn: (der) => callerIn(der, { 'spiffe://folio.test/ns/a/sa/b': 'mod-tags-3.1.0' }),
    context: () => context,
    names: new NameResolver(() => now, { hosts }),
    clock,
    connectMs: 60_000,
    handshakeMs: 60_000,
    recordOverheadBytesPerSecond: 1024,
  })
  const open = (place?: NamedPlace) =>
    new Promise<OpenedNamed | Refusal>((resolve, reject) => {
      const done = (refusal: Refusal | null, opened: OpenedNamed | null) => {
        opened?.socket.on('error', () => {}).destroy()
        const result = opened ?? refusal
        if (result === null) reject(new Error('neither'))
        else resolve(result)
      }
      if (place === undefined) connector.connect(done)
      else connector.connectTo(place, done)
    })
  return { first, point, open }
}

test('a server whose name leads elsewhere is found there; a cancel request goes where its session is', async (t) => {
  const { point, open } = await moving(t)
  point('127.0.0.1')
  const before = await open()
  if ('reason' in before) return t.fail(before.because)
  t.is(before.place.host, '127.0.0.1')
  point('127.0.0.2')
  const after = await open()
  if ('reason' in after) return t.fail(after.because)
  t.is(after.place.host, '127.0.0.2')
  const cancel = await open(before.place)
  if ('reason' in cancel) return t.fail(cancel.because)
  t.is(cancel.place.host, '127.0.0.1')
})

test('of several addresses the next is taken where one refuses, and the name is checked there too', async (t) => {
  const { first, point, open } = await moving(t)
  first.close()
  point('127.0.0.1', '127.0.0.2')
  const opened = await open()
  if ('reason' in opened) return t.fail(opened.because)
  t.is(opened.place.host, '127.0.0.2')
  t.is(opened.place.name, 'db.folio.test')
})

test('a certificate of a module, an operator or a client is not accepted as a server’s, whatever other name it has', async (t) => {
  for (const uri of [
    'spiffe://folio.test/module/mod-tags-3.1.0',
    'spiffe://folio.test/operator/anna',
    'spiffe://other.test/client/edge',
    // Of the table of foreign ids.
    'spiffe://folio.test/ns/a/sa/b',
  ]) {
    const { point, open } = await moving(t, { dns: [NAME], uri: [uri] })
    point('127.0.0.1')
    const refused = await open()
    if (!('reason' in refused)) return t.fail(uri)
    t.is(refused.reason, 'upstream-untrusted')
    t.true(
      refused.because.endsWith(`was not verified: it is ${uri}, not a server`),
      refused.because,
    )
  }
  // The twins: what SPIRE may call a database, and what has no URI.
  for (const uri of [['spiffe://folio.test/database'], ['spiffe://folio.test/ns/a/sa/db'], []]) {
    const { point, open } = await moving(t, { dns: [NAME], uri })
    point('127.0.0.1')
    const opened = await open()
    if ('reason' in opened) return t.fail(opened.because)
  }
})

test('a common name beside other names is not a server name: the requester of a certificate may choose it', async (t) => {
  const uri = ['spiffe://folio.test/ns/a/sa/rogue']
  for (const names of [{ uri }, { email: ['a@folio.test'] }, { ip: ['127.0.0.1'] }]) {
    const { point, open } = await moving(t, { cn: NAME, ...names })
    point('127.0.0.1')
    const refused = await open()
    if (!('reason' in refused)) return t.fail(JSON.stringify(names))
    t.is(refused.reason, 'upstream-untrusted')
    t.regex(refused.because, /ALTNAME_INVALID.*does not contain a DNS name/)
  }
  // The twin: no other name, as a server's certificate made by openssl often is.
  const { point, open } = await moving(t, { cn: NAME })
  point('127.0.0.1')
  const opened = await open()
  if ('reason' in opened) return t.fail(opened.because)
})
