import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { DialTarget } from '../../../src/probe/dial.ts'
import { FRAME_FLAG, frame, frames, PROBE_ALPN, TYPE } from '../../../src/probe/link/frames.ts'

/** HTTP/2’s SETTINGS frame without settings (RFC 9113 section 6.5). */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
/** The first byte of a TLS connection (RFC 8446 section 5.1). */
const HANDSHAKE = 0x16
const BELIEVED = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const claims = Buffer.from(
  JSON.stringify({ type: 'module', tenant: 'diku', extra_permissions: ['perms.all'] }),
).toString('base64url')

/**
 * A server with every defect there is: it believes any certificate and any version, resumes and
 * renegotiates, takes plain text on its TLS port, reads a request wherever two line ends meet, and
 * answers 200 to all of them.
 */
export interface Credulous {
  readonly plain: DialTarget
  readonly tls: DialTarget
  close(): Promise<void>
}

/** Starts one; the key pair is its own identity, which names no module. */
export async function credulous(pair: { cert: string; key: string }): Promise<Credulous> {
  const secure = tls.createServer(
    {
      ...pair,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      ciphers: 'ALL:eNULL:@SECLEVEL=0',
      ALPNCallback: ({ protocols }) => protocols[0],
    },
    believe,
  )
  secure.on('tlsClientError', () => undefined)
  const sockets = new Set<net.Socket>()
  const both = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.once('data', (first) => {
      if (first[0] !== HANDSHAKE) {
        believe(socket)
        socket.emit('data', first)
        return
      }
      const inner = net.connect((secure.address() as AddressInfo).port, '127.0.0.1')
      inner.on('error', () => socket.destroy())
      socket.on('close', () => inner.destroy())
      inner.write(first)
      socket.pipe(inner).pipe(socket)
    })
  })
  await listen(secure)
  await listen(both)
  const { port } = both.address() as AddressInfo
  const endpoint = { host: '127.0.0.1', port }
  return {
    plain: { ...endpoint, tls: false },
    tls: { ...endpoint, tls: true },
    async close() {
      for (const socket of sockets) socket.destroy()
      both.close()
      secure.close()
    },
  }
}

function listen(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
}

function believe(socket: net.Socket): void {
  let text = ''
  let link: Buffer | undefined
  socket.on('error', () => undefined)
  socket.on('data', (part) => {
    // No request begins with a control character, and every frame does.
    if (link !== undefined || (text === '' && part[0]! < 0x20)) {
      link = believeFrames(socket, Buffer.concat([link ?? Buffer.alloc(0), part]))
      return
    }
    text += part.toString('latin1')
    const heads = text.split(/\r?\n\r?\n/)
    text = heads.pop() ?? ''
    for (const head of heads) answer(socket, head)
  })
}

/** Whatever frames come: an OPEN is answered 200, a PING is answered, and nothing is minded. */
function believeFrames(socket: net.Socket, bytes: Buffer): Buffer {
  const found = frames(bytes)
  const answers = found.flatMap(({ type, id, payload }) => {
    if (type === TYPE.ping) return [frame(TYPE.ping, id, payload, { flags: FRAME_FLAG.ack })]
    return type === TYPE.open ? [frame(TYPE.head, id, BELIEVED, { flags: FRAME_FLAG.end })] : []
  })
  if (answers.length > 0) socket.write(Buffer.concat(answers))
  return bytes.subarray(found.reduce((sum, { payload }) => sum + 8 + payload.length, 0))
}

/** As a module that calls back before it answers. */
function callsBack(socket: net.Socket, url: string, head: string): void {
  const { hostname: host, port } = new URL(url)
  const back = net.connect({ host, port: Number(port) })
  const rest = head.replace(/^X-Okapi-Url: .*$/im, '')
  back.on('error', () => answer(socket, rest))
  back.on('connect', () => {
    back.destroy()
    answer(socket, rest)
  })
}

/** As Okapi's sidecar without a rule for answers: what a module's address answers goes on. */
function hands(socket: net.Socket, port: string, head: string): void {
  const ALPNProtocols = [PROBE_ALPN, 'http/1.1']
  const to = { host: '127.0.0.1', port: Number(port), rejectUnauthorized: false, ALPNProtocols }
  const module = tls.connect(to, () => {
    if (module.alpnProtocol === PROBE_ALPN) {
      const open = `${head.replace(/^GET \S+/, 'GET /tags')}\r\n\r\n`
      module.end(frame(TYPE.open, 1, open, { flags: FRAME_FLAG.end }))
      module.on('data', (said) => said[0] === TYPE.head && socket.write(BELIEVED))
    } else {
      module.write('GET /tags HTTP/1.1\r\nHost: x\r\n\r\n')
      module.pipe(socket)
    }
  })
  module.on('error', () => socket.destroy())
}

function answer(socket: net.Socket, head: string): void {
  const url = /^X-Okapi-Url: (http:\S+)$/im.exec(head)?.[1]
  if (url !== undefined) return callsBack(socket, url, head)
  const at = /^GET (?:\/mod-\S+)?\/handed-on\/(\d+) /.exec(head)?.[1]
  if (at !== undefined) return hands(socket, at, head)
  if (head.startsWith('PRI ')) return void socket.write(SETTINGS)
  if (/^Upgrade: h2c/im.test(head)) {
    return void socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n')
  }
  if (/^Expect: 100/im.test(head)) return void socket.write('HTTP/1.1 100 Continue\r\n\r\n')
  if (/^POST \/token/.test(head)) return signs(socket)
  const rogue = /^X-Okapi-Module-Permissions: \{"([^"]+)"/im.exec(head)?.[1]
  const signed =
    rogue === undefined ? '' : `X-Okapi-Module-Tokens: {"${rogue}":"e30.${claims}.c2ln"}\r\n`
  socket.write(`HTTP/1.1 200 OK\r\n${signed}X-Okapi-Stop: true\r\nContent-Length: 2\r\n\r\nok`)
}

/** As mod-authtoken signs what it is told. */
function signs(socket: net.Socket): void {
  const user = { sub: 'rogue', tenant: 'diku', user_id: '00000000-0000-4000-8000-000000000000' }
  const token = `e30.${Buffer.from(JSON.stringify(user)).toString('base64url')}.c2ln`
  const body = JSON.stringify({ token })
  socket.write(`HTTP/1.1 201 Created\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}
