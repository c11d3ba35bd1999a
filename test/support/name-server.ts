import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIP, type Server, type Socket } from 'node:net'

/** The records of a name. Without A and AAAA the name exists and has no address. */
export interface Zone {
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  /** Seconds; 60 when left out. */
  readonly ttl?: number
  /** An alias: the addresses are those of this name, which is in the same answer. */
  readonly cname?: string
  readonly cnameTtl?: number
  /** By UDP only a part of the answer is sent, and that it is one. */
  readonly truncated?: boolean
}

/** Names that are not there are NXDOMAIN. */
export type Said = Zone | 'silence' | 'servfail'

const TYPE = { a: 1, cname: 5, aaaa: 28 } as const
const FLAG = { answer: 0x8180, truncated: 0x0200 } as const
const RCODE = { ok: 0, servfail: 2, nxdomain: 3 } as const

interface Question {
  readonly name: string
  readonly type: number
}

/** A name server on loopback, over UDP and TCP (RFC 1035), with the records of a test. */
export class NameServer {
  /** Every question, as `A name`, `AAAA name`; those over TCP begin with `tcp `. */
  readonly asked: string[] = []
  /** By name, in lower case. */
  readonly zones = new Map<string, Said>()
  /** Silent to all. */
  silent = false
  /** Silent to all questions for one family, as some are. */
  silentFor: 'A' | 'AAAA' | undefined
  port = 0
  readonly #udp = createSocket('udp4')
  readonly #tcp: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#udp.on('message', (bytes, from) => this.#heard(bytes, from))
    this.#tcp = createServer((socket) => this.#connected(socket))
  }

  /** @param port 53 where the system's own configuration is to name it */
  static async start(port = 0, host = '127.0.0.1'): Promise<NameServer> {
    for (let tries = 0; ; tries++) {
      const server = new NameServer()
      try {
        await server.#listen(port, host)
        return server
      } catch (error) {
        // A port that is free for UDP can be in use for TCP: the kernel is asked for another.
        await server.close()
        if (port !== 0 || tries === 50 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
          throw error
      }
    }
  }

  /** How often this was asked: `A okapi.test`. */
  count(question: string): number {
    return this.asked.filter((each) => each === question).length
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#udp.close()
    await new Promise((resolve) => this.#tcp.close(resolve))
  }

  async #listen(port: number, host: string): Promise<void> {
    this.#udp.bind(port, host)
    await once(this.#udp, 'listening')
    this.port = this.#udp.address().port
    this.#tcp.listen(this.port, host)
    await once(this.#tcp, 'listening')
  }

  #heard(bytes: Buffer, from: RemoteInfo): void {
    const answer = this.#answer(bytes, true)
    if (answer !== null) this.#udp.send(answer, from.port, from.address)
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket)
    let waiting = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes])
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const end = 2 + waiting.readUInt16BE(0)
        const answer = this.#answer(waiting.subarray(2, end), false)
        waiting = waiting.subarray(end)
        if (answer !== null) socket.write(Buffer.concat([sixteen(answer.length), answer]))
      }
    })
  }

  #answer(query: Buffer, udp: boolean): Buffer | null {
    const { name, type } = questionIn(query)
    const family = type === TYPE.a ? 'A' : 'AAAA'
    this.asked.push(`${udp ? '' : 'tcp '}${family} ${name}`)
    const said =
      this.silent || this.silentFor === family ? 'silence' : this.zones.get(name.toLowerCase())
    if (said === 'silence') return null
    if (said === undefined) return message(query, RCODE.nxdomain, [], false)
    if (said === 'servfail') return message(query, RCODE.servfail, [], false)
    const { truncated = false } = said
    if (truncated && udp) return message(query, RCODE.ok, [], true)
    return message(query, RCODE.ok, records(name, type, said), false)
  }
}

function questionIn(query: Buffer): Question {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length !== 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1) }
}

function records(name: string, type: number, zone: Zone): Buffer[] {
  const { a = [], aaaa = [], ttl = 60, cname, cnameTtl = ttl } = zone
  const owner = cname ?? name
  const addresses = type === TYPE.a ? a : type === TYPE.aaaa ? aaaa : []
  const own = addresses.map((address) => record(owner, type, ttl, bytesOf(address)))
  if (cname === undefined) return own
  return [record(name, TYPE.cname, cnameTtl, encoded(cname)), ...own]
}

function message(query: Buffer, rcode: number, answers: Buffer[], truncated: boolean): Buffer {
  const end = query.indexOf(0, 12) + 5
  const flags = FLAG.answer | (truncated ? FLAG.truncated : 0) | rcode
  const counts = [flags, 1, answers.length, 0, 0].map(sixteen)
  return Buffer.concat([query.subarray(0, 2), ...counts, query.subarray(12, end), ...answers])
}

function record(name: string, type: number, ttl: number, data: Buffer): Buffer {
  const seconds = Buffer.alloc(4)
  seconds.writeUInt32BE(ttl)
  return Buffer.concat([
    ...[encoded(name), sixteen(type), sixteen(1), seconds],
    ...[sixteen(data.length), data],
  ])
}

function encoded(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'))
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0]),
  ])
}

function bytesOf(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [before = '', after = ''] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const zeros = 8 - groups(before).length - groups(after).length
  const all = [...groups(before), ...Array<string>(zeros).fill('0'), ...groups(after)]
  return Buffer.concat(all.map((group) => sixteen(Number.parseInt(group, 16))))
}

function sixteen(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}
