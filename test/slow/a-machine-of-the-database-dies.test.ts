import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Machine, Network, whyNoNetwork } from '../support/faults/network.ts'
import { until } from '../support/patience.ts'
import { DatabaseSidecar, PASSWORD, POSTGRES_BIN, sharedCluster } from '../support/postgres.ts'
import { unless } from '../support/scenario.ts'

// A session of the database leg is bytes: no PING tells that the server's machine is dead. The kernel asks after a
// minute of silence and gives up ten seconds later; what was sent it sends again, `net.ipv4.tcp_retries2` times.

const cluster = sharedCluster()
const LONG_MS = 280_000
const PORT = 5432
const RELAY = `
  const { connect, createServer } = require('node:net')
  createServer((from) => {
    const to = connect({ path: process.argv[1] })
    for (const [one, other] of [[from, to], [to, from]]) one.on('error', () => {}).pipe(other)
  }).listen(${PORT}, () => console.log('listening'))`

/** PostgreSQL as it is seen from another machine: files are shared, so a Unix socket leads there. */
async function databaseOn(machine: Machine, directory: string, port: number) {
  const path = join(directory, 'relay.sock')
  const here = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    from.on('error', () => {}).pipe(to)
    to.on('error', () => {}).pipe(from)
  })
  await once(here.listen(path), 'listening')
  const [command, ...rest] = [...machine.under, process.execPath, '-e', RELAY, path]
  const there = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(there.stdout, 'data')
  return () => {
    there.kill('SIGKILL')
    here.close()
  }
}

class Session {
  said = ''
  readonly ended: Promise<unknown>
  readonly #child: ChildProcess

  constructor(place: string) {
    const env = { PGPASSWORD: PASSWORD }
    const args = ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', place]
    const child = spawn(`${POSTGRES_BIN}/psql`, args, { env, stdio: 'pipe' })
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => {
        this.said += String(part)
      })
    }
    child.stdin.on('error', () => {})
    this.#child = child
    this.ended = once(child, 'close')
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  async answers(): Promise<void> {
    this.tell('SELECT 40 + 2;')
    await until(() => this.said.includes('42'))
  }
}

const NO_POSTGRES = existsSync(`${POSTGRES_BIN}/initdb`) ? undefined : 'initdb is not here'
const scenario = unless(NO_POSTGRES ?? whyNoNetwork())

scenario('sessions end as the kernel finds it out, the rest as before', async (t) => {
  t.timeout(LONG_MS)
  const network = await Network.make()
  t.teardown(() => network.close())
  const [near, far] = [await network.join(), await network.join()]
  const directory = mkdtempSync(join(tmpdir(), 'dead-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const real = await cluster()
  t.teardown(await databaseOn(far, directory, real.port))
  await network.sysctl(near, 'net.ipv4.tcp_retries2', 4)
  const sidecar = await DatabaseSidecar.start(
    t,
    real,
    {
      listen: `unix:${join(directory, `.s.PGSQL.${PORT}`)}`,
      server: `${far.address}:${PORT}`,
      serverName: '127.0.0.1',
    },
    { admin: { listen: `unix:${join(directory, 'admin.sock')}` }, limits: { connectMs: 10_000 } },
    near.under,
  )
  const place = `host=${directory} port=${PORT} user=folio_users dbname=folio`
  // psql looks at its connection when it has something to ask: the idle one comes by a socket that is watched.
  const ended = Promise.withResolvers<void>()
  const watched = createServer((from) => {
    const to = connect(join(directory, `.s.PGSQL.${PORT}`))
    to.on('close', ended.resolve)
    from.on('error', () => {}).pipe(to)
    to.on('error', () => {}).pipe(from)
  })
  await once(watched.listen(join(directory, `.s.PGSQL.${PORT + 1}`)), 'listening')
  t.teardown(() => watched.close())
  const idle = new Session(place.replace(`${PORT}`, `${PORT + 1}`))
  const asks = new Session(place)
  await Promise.all([idle.answers(), asks.answers()])

  await network.lost(far)
  asks.tell('SELECT 1;')
  console.log('70 s without a word: the kernel asks after a minute')
  await Promise.all([asks.ended, ended.promise])
  idle.tell('SELECT 1;')
  await idle.ended
  t.regex(asks.said, /closed the connection unexpectedly/)
  t.regex(idle.said, /closed the connection unexpectedly/)
  // What comes now learns that there is no way, and then that there is one again.
  const refused = await sidecar.psql('folio_users', 'SELECT 1', { place })
  t.not(refused.code, 0)
  t.regex(refused.err, /nothing could be reached: .* no connection in time/)
  await network.heal()
  t.is((await sidecar.psql('folio_users', 'SELECT 1', { place })).out.trim(), '1')
})
