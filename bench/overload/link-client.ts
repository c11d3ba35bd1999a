import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { FrameReader, type FrameSink, type LinkFrame } from '../../src/wire/link/frame-reader.ts'
import { ALPN_LINK, FLAG, FRAME } from '../../src/wire/link/frames.ts'
import { frameOf } from './frame-of.ts'
import type { LinkCaller, LinkLoad, LinkResult } from './link-load.ts'
import { type OpenLoopResult, summaryOf } from './open-loop.ts'

const TICK_MS = 1
/** Ids of exchanges that are open stand in a ring of so many. */
const RING = 1024
const STATUS_AT = 'HTTP/1.1 '.length
const TWO = 0x32
const FIRST_BYTES = 65_536

const load: LinkLoad = JSON.parse(process.argv[2] ?? '{}')
let measuring = false

/** A caller's sidecar as far as it costs little: it opens exchanges on one link and reads what comes. */
class Link implements FrameSink {
  readonly #caller: LinkCaller
  readonly #socket: TLSSocket
  readonly #reader = new FrameReader(this)
  readonly #frame: Buffer
  readonly #askedAt = new Float64Array(RING)
  readonly #good = new Uint8Array(RING)
  answered: number[] = []
  refused: number[] = []
  notSent = 0
  #asked = 0
  #open = 0
  #lastId = 0
  #out = Buffer.allocUnsafe(FIRST_BYTES)
  #outBytes = 0
  #now = 0

  constructor(caller: LinkCaller, socket: TLSSocket) {
    this.#caller = caller
    this.#socket = socket
    this.#frame = frameOf(FRAME.open, FLAG.end, Buffer.from(load.head, 'latin1'))
    socket.on('data', (bytes: Buffer) => {
      this.#now = performance.now()
      const flaw = this.#reader.read(bytes, 0, bytes.length)
      if (flaw !== null) throw new Error(`${caller.name}: ${flaw}`)
      if (caller.perSecond === 0) this.tick(0)
    })
    socket.on('error', (error) => {
      throw error
    })
    socket.on('close', () => {
      throw new Error(`the link of ${caller.name} was closed`)
    })
  }

  /** What has come due by now leaves in one write. */
  tick(seconds: number): void {
    const { perSecond, open } = this.#caller
    this.#now = performance.now()
    if (perSecond === 0) while (this.#open < open && this.#ask());
    const due = Math.floor(seconds * perSecond)
    for (; this.#asked < due; this.#asked++) if (!this.#ask()) this.notSent++
    if (this.#outBytes === 0) return
    this.#socket.write(Buffer.from(this.#out.subarray(0, this.#outBytes)))
    this.#outBytes = 0
  }

  forget(): void {
    this.answered = []
    this.refused = []
    this.notSent = 0
  }

  dataBegins(): null {
    return null
  }

  data(): null {
    return null
  }

  dataEnds(id: number): null {
    this.#over(id)
    return null
  }

  frame({ type, flags, id, bytes, start, end }: LinkFrame): null {
    if (type === FRAME.head) {
      this.#good[id % RING] = bytes[start + STATUS_AT] === TWO ? 1 : 0
    } else if (type === FRAME.reset) this.#good[id % RING] = 0
    else if (type === FRAME.ping && (flags & FLAG.ack) === 0) {
      this.#put(frameOf(FRAME.ping, FLAG.ack, bytes.subarray(start, end)))
    }
    const over = type === FRAME.reset || type === FRAME.end || (flags & FLAG.end) !== 0
    if (id > 0 && over) this.#over(id)
    return null
  }

  /** False: there is no room. */
  #ask(): boolean {
    const id = this.#lastId + 1
    if (this.#open >= this.#caller.open || this.#askedAt[id % RING] !== 0) return false
    this.#lastId = id
    this.#open++
    this.#askedAt[id % RING] = this.#now
    const at = this.#outBytes
    this.#put(this.#frame)
    this.#out.writeUInt32BE(id, at + 4)
    return true
  }

  #put(frame: Buffer): void {
    const needed = this.#outBytes + frame.length
    if (needed > this.#out.length) {
      const out = Buffer.allocUnsafe(2 * needed)
      this.#out.copy(out, 0, 0, this.#outBytes)
      this.#out = out
    }
    this.#outBytes += frame.copy(this.#out, this.#outBytes)
  }

  #over(id: number): void {
    const took = this.#now - this.#askedAt[id % RING]!
    this.#askedAt[id % RING] = 0
    this.#open--
    ;(this.#good[id % RING] === 1 ? this.answered : this.refused).push(took)
  }
}

function resultOf(links: readonly Link[]): OpenLoopResult {
  const { seconds } = load
  return {
    answered: summaryOf(
      links.flatMap(({ answered }) => answered),
      seconds,
    ),
    refused: summaryOf(
      links.flatMap(({ refused }) => refused),
      seconds,
    ),
    notSentPerSecond: links.reduce((sum, { notSent }) => sum + notSent, 0) / seconds,
    // One that is closed ends the client.
    broken: 0,
  }
}

function open(caller: LinkCaller): Promise<Link> {
  const file = (name: string) => readFileSync(join(load.certs, caller.name, name))
  const keys = { cert: file('tls.crt'), key: file('tls.key'), ca: file('ca.crt') }
  const where = { host: '127.0.0.1', port: load.port, ALPNProtocols: [ALPN_LINK] }
  return new Promise((resolve, reject) => {
    // Who answers is known: it was started for this.
    const socket = connect({ ...where, ...keys, checkServerIdentity: () => undefined }, () => {
      socket.off('error', reject)
      socket.setNoDelay(true)
      if (socket.alpnProtocol === ALPN_LINK) resolve(new Link(caller, socket))
      else reject(new Error('the other side speaks no link'))
    })
    socket.once('error', reject)
  })
}

const links = await Promise.all(load.callers.map(open))
const began = performance.now()
setInterval(() => {
  const seconds = (performance.now() - began) / 1000
  for (const link of links) link.tick(seconds)
  if (!measuring && seconds >= load.warmUpSeconds) {
    measuring = true
    for (const link of links) link.forget()
  }
  if (seconds < load.warmUpSeconds + load.seconds) return
  const result: LinkResult = {
    all: resultOf(links),
    callers: links.map((link) => resultOf([link])),
  }
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}, TICK_MS)
