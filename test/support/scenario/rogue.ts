import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { ALPN_LINK, FLAG } from '../../../src/wire/link/frames.ts'
import { answerOf, type Frame, framesOf } from '../link-frames.ts'
import { until } from './metrics.ts'

/** The caller's end of a link to a sidecar, played by the test: frames of its own making. */
export class Rogue {
  received = ''
  readonly socket: tls.TLSSocket
  readonly closed: Promise<unknown>

  private constructor(port: number, certificate: string) {
    const file = (name: string) => readFileSync(join(certificate, name))
    this.socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca: file('ca.crt'),
      cert: file('tls.crt'),
      key: file('tls.key'),
      ALPNProtocols: [ALPN_LINK],
      checkServerIdentity: () => undefined,
    })
    this.closed = new Promise((resolve) => this.socket.once('close', resolve))
    this.socket.on('error', () => {})
    this.socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1')
    })
  }

  /** `certificate`: the folder of the identity that it proves. */
  static async connect(port: number, certificate: string): Promise<Rogue> {
    const rogue = new Rogue(port, certificate)
    await once(rogue.socket, 'secureConnect')
    return rogue
  }

  send(...frames: string[]): void {
    this.socket.write(frames.join(''), 'latin1')
  }

  /** Those that are whole by now. */
  get frames(): Frame[] {
    const bytes = Buffer.from(this.received, 'latin1')
    let i = 0
    while (i + 8 <= bytes.length && i + 8 + bytes.readUInt16BE(i + 2) <= bytes.length) {
      i += 8 + bytes.readUInt16BE(i + 2)
    }
    return framesOf(this.received.slice(0, i))
  }

  /** The answer to exchange `id` when it has ended. */
  async answer(id: number): Promise<string> {
    const isLast = (frame: Frame) => frame.id === id && (frame.flags & FLAG.end) !== 0
    await until(() => this.frames.some(isLast))
    return answerOf(this.frames, id)
  }
}
