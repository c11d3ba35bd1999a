import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { FrameReader } from '../../src/wire/link/frame-reader.ts'
import { ALPN_LINK, FLAG, FRAME } from '../../src/wire/link/frames.ts'
import { frameOf } from './frame-of.ts'

// A module behind its sidecar, as far as it costs little: answers what comes over links at once.
// `node link-module.ts PORT DIRECTORY`, where the certificate lies.

const [port = '', directory = ''] = process.argv.slice(2)
const file = (name: string) => readFileSync(join(directory, name))
const body = JSON.stringify({ items: [{ text: 'x'.repeat(1000) }] })
const lines = [
  'HTTP/1.1 200 OK',
  'Content-Type: application/json',
  `Content-Length: ${body.length}`,
]
const answer = Buffer.concat([
  frameOf(FRAME.head, 0, Buffer.from([...lines, '', ''].join('\r\n'))),
  frameOf(FRAME.data, FLAG.end, Buffer.from(body)),
])
const dataAt = answer.length - body.length - 8

const keys = { cert: file('tls.crt'), key: file('tls.key'), ca: file('ca.crt') }
createServer({ ...keys, requestCert: true, ALPNProtocols: [ALPN_LINK] }, (socket) => {
  let out: Buffer[] = []
  const none = () => null
  const reader = new FrameReader({
    dataBegins: none,
    data: none,
    dataEnds: none,
    frame({ type, flags, id, bytes, start, end }) {
      if (type === FRAME.ping && (flags & FLAG.ack) === 0) {
        out.push(frameOf(FRAME.ping, FLAG.ack, bytes.subarray(start, end)))
      }
      if (type !== FRAME.open) return null
      const one = Buffer.from(answer)
      one.writeUInt32BE(id, 4)
      one.writeUInt32BE(id, dataAt + 4)
      out.push(one)
      return null
    },
  })
  socket.on('data', (bytes: Buffer) => {
    reader.read(bytes, 0, bytes.length)
    if (out.length > 0) socket.write(Buffer.concat(out))
    out = []
  })
  socket.on('error', () => socket.destroy())
}).listen(Number(port), '127.0.0.1', 4096)
