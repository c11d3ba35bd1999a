import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { message } from '../../src/postgres/protocol.ts'
import { until } from '../support/patience.ts'
import { DatabaseSidecar, sharedCluster, withPostgres } from '../support/postgres.ts'
import { cancelPacket, errorFields, startupPacket } from '../support/postgres-packets.ts'
import { metricsOf } from '../support/scenario/metrics.ts'

// 10,000 cancel requests against 50 sessions that all run a statement: with the key of a session, with that of
// another session for its process id, with keys made up, and with those of sessions that are over. Each hits
// the session of its key or none.

const SESSIONS = 50
/** Of them: never asked to be cancelled by their own key. */
const UNTOUCHED = 25
const WAVES = 100
const OWN = 40
const FOREIGN = 30
const MADE_UP = 20
const OVER = 10
const SLEEP = message(0x51, Buffer.from('SELECT pg_sleep(86400)\0'))

const cluster = sharedCluster()

/** A session whose role the certificate proves; it sleeps, and goes to sleep again when it is woken. */
class Sleeper {
  pid = 0
  key: Buffer = Buffer.alloc(0)
  /** How often it was cancelled. */
  hits = 0
  ready = false
  /** Errors that are no cancelled statement. */
  readonly other: string[] = []
  readonly socket: Socket
  #bytes: Buffer = Buffer.alloc(0)

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('error', () => this.socket.destroy())
    this.socket.on('data', (part) => this.#read(part))
    this.socket.write(startupPacket({ user: 'diku_mod_tags', database: 'folio' }))
  }

  #read(part: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, part])
    while (this.#bytes.length >= 5 && this.#bytes.length > this.#bytes.readInt32BE(1)) {
      const end = 1 + this.#bytes.readInt32BE(1)
      this.#take(this.#bytes.subarray(0, end))
      this.#bytes = this.#bytes.subarray(end)
    }
  }

  #take(bytes: Buffer): void {
    const [type] = bytes
    if (type === 0x4b) {
      this.pid = bytes.readInt32BE(5)
      this.key = Buffer.from(bytes.subarray(9))
    } else if (type === 0x45) {
      const { C: code = '', M: text = '' } = errorFields(bytes) ?? {}
      if (code === '57014') this.hits++
      else this.other.push(`${code} ${text}`)
    } else if (type === 0x5a) {
      this.ready = true
      this.socket.write(SLEEP)
    }
  }
}

/** Resolves when the request was taken or refused: the connection closes. */
async function cancel(port: number, pid: number, key: Buffer): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => socket.destroy())
  socket.resume()
  const closed = once(socket, 'close')
  socket.write(cancelPacket(pid, key))
  await closed
}

/** The same order in every run. */
function picker(): (below: number) => number {
  let state = 1
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
}

withPostgres(
  '10,000 cancel requests against 50 sessions: each hits the session of its key or none',
  async (t) => {
    t.timeout(900_000)
    const place = await cluster()
    const more = { roles: ['diku_mod_tags'], authentication: ['cert'] }
    const sidecar = await DatabaseSidecar.start(t, place, more)
    const { port } = sidecar
    const open = (count: number) => Array.from({ length: count }, () => new Sleeper(port))
    const over = open(OVER)
    await until(() => over.every(({ ready }) => ready))
    for (const { socket } of over) socket.destroy()
    const count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'diku_mod_tags'"
    await until(async () => {
      // A backend in pg_sleep does not notice that its client is gone.
      await place.asBoss(count.replace('count(*)', 'pg_terminate_backend(pid)'))
      return (await place.asBoss(count)).out === '0\n'
    })
    const sleepers = open(SESSIONS)
    t.teardown(() => {
      for (const { socket } of sleepers) socket.destroy()
    })
    await until(() => sleepers.every(({ ready }) => ready))

    const pick = picker()
    const touched = sleepers.slice(UNTOUCHED)
    let sent = 0
    const send = (pid: number, key: Buffer) => {
      sent++
      return cancel(port, pid, key)
    }
    const own = ({ pid, key }: Sleeper) => send(pid, key)
    for (let wave = 0; wave < WAVES; wave++) {
      const requests: (() => Promise<void>)[] = []
      for (let i = 0; i < OWN; i++) {
        const sleeper = touched[pick(touched.length)]!
        requests.push(() => own(sleeper))
      }
      for (let i = 0; i < FOREIGN; i++) {
        const at = pick(SESSIONS)
        const { pid } = sleepers[at]!
        const { key } = sleepers[(at + 1 + pick(SESSIONS - 1)) % SESSIONS]!
        requests.push(() => send(pid, key))
      }
      for (let i = 0; i < MADE_UP; i++) {
        const { pid, key } = sleepers[pick(SESSIONS)]!
        const wrong = Buffer.from(key)
        wrong[pick(wrong.length)]! ^= 1 << pick(8)
        requests.push(() => send(pid, wrong))
      }
      for (const { pid, key } of over) requests.push(() => send(pid, key))
      requests.sort(() => pick(3) - 1)
      await Promise.all(requests.map((request) => request()))
      // ava is told that this goes on.
      if (wave % 20 === 19) console.log(`${sent} cancel requests are sent`)
    }
    t.is(sent, 10_000)
    // Exactly those with no session's own key went no further. Counted by the sidecar: the server may interrupt
    // a statement twice for one request, so its count says less.
    const refused = WAVES * (FOREIGN + MADE_UP + OVER)
    const counted = `sidecar_refusals_total{direction="postgres",reason="unknown-session"} ${refused}\n`
    t.true((await metricsOf(sidecar.process)).includes(counted))
    // What came between two statements hit none; asked until it hits, each session can be cancelled.
    for (const sleeper of touched) {
      const before = sleeper.hits
      await until(async () => {
        await own(sleeper)
        return sleeper.hits > before
      })
    }
    for (const { other } of sleepers) t.deepEqual(other, [])
    t.deepEqual(
      sleepers.slice(0, UNTOUCHED).map(({ hits }) => hits),
      Array.from({ length: UNTOUCHED }, () => 0),
    )
  },
)
