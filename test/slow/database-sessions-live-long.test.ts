import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { until } from '../support/patience.ts'
import {
  DatabaseSidecar,
  PASSWORD,
  POSTGRES_BIN,
  runPostgres,
  sharedCluster,
  withPostgres,
} from '../support/postgres.ts'
import { errorFields, SSL_REQUEST, startupPacket } from '../support/postgres-packets.ts'
import { metric, metricsOf } from '../support/scenario/metrics.ts'

const cluster = sharedCluster()
const env = { PGPASSWORD: PASSWORD }

/** A `psql` that is told one line after the other. */
class Psql {
  said = ''
  readonly ended: Promise<unknown>
  readonly #child: ChildProcess

  constructor(place: string) {
    const path = `${POSTGRES_BIN}/psql`
    const child = spawn(path, ['-X', '-A', '-t', '-d', place], { env, stdio: 'pipe' })
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => {
        this.said += String(part)
      })
    }
    child.stdin.on('error', () => {})
    this.#child = child
    this.ended = once(child, 'close')
  }

  async tell(line: string, answer: RegExp): Promise<void> {
    this.#child.stdin?.write(`${line}\n`)
    await until(() => answer.test(this.said))
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  end(): Promise<unknown> {
    this.#child.stdin?.end()
    return this.ended
  }
}

/** Both sides of every session are closed: the server's may be before the sidecar's own. */
async function holdsNone({ process }: DatabaseSidecar): Promise<boolean> {
  return (await metric(process, 'sidecar_connections_open{direction="postgres"}')) === 0
}

const RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'folio_users'"

withPostgres('COPY of 32 MB in and out loses no byte', async (t) => {
  const sidecar = await DatabaseSidecar.start(t, await cluster())
  t.is((await sidecar.psql('folio_users', 'CREATE TABLE big (line text)')).code, 0)
  const line = `${'0123456789abcdef'.repeat(64)}\n`
  const input = line.repeat(32 * 1024)
  const { code, err } = await sidecar.psql('folio_users', 'COPY big FROM STDIN', { input })
  t.is(code, 0, err)
  const { out } = await sidecar.psql('folio_users', 'COPY big TO STDOUT')
  const digest = (text: string) => createHash('sha256').update(text).digest('hex')
  t.is(digest(out), digest(input))
  const [, last] = await sidecar.process.say(({ msg }) => msg === 'database session ended', 3)
  t.true(Number(last?.['bytesIn']) > 32 * 1024 * 1024)
  await sidecar.psql('folio_users', 'DROP TABLE big')
})

withPostgres('notifications arrive in a session that says nothing', async (t) => {
  const sidecar = await DatabaseSidecar.start(t, await cluster())
  const listener = new Psql(sidecar.place('folio_users'))
  await listener.tell('LISTEN news; SELECT 1;', /1\n/)
  t.is((await sidecar.psql('diku_mod_users', "NOTIFY news, 'it is here'")).code, 0)
  // psql prints what has come when it is told something.
  await until(() => {
    listener.write('SELECT 1;')
    return /it is here/.test(listener.said)
  })
  await listener.end()
  t.pass()
})

withPostgres(
  'rotation under pgbench fails no transaction, and new sessions show the new certificate',
  async (t) => {
    const place = await cluster()
    const sidecar = await DatabaseSidecar.start(t, place)
    const options = { env }
    const where = sidecar.place('folio_users')
    const made = await runPostgres('pgbench', ['-i', '-q', '-s', '1', '-d', where], options)
    t.is(made.code, 0, made.err)
    // Each transaction by a session of its own, and by sessions that last.
    const bench = ['-n', '-S', '-c', '2', '-T', '3']
    const running = [
      runPostgres('pgbench', [...bench, '-C', '-d', where], options),
      runPostgres('pgbench', [...bench, '-d', where], options),
    ]
    for (let generation = 2; generation <= 4; generation++) {
      sidecar.put(await sidecar.issue(place.ca), [place.ca])
      await sidecar.reached(generation)
    }
    for (const { code, out, err } of await Promise.all(running)) {
      t.is(code, 0, err)
      t.regex(out, /number of failed transactions: 0 /)
    }
    const sql = 'SELECT client_serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    const { out } = await sidecar.psql('folio_users', sql)
    t.is(BigInt(out.trim()), BigInt(`0x${Buffer.from(sidecar.leaf.serial).toString('hex')}`))
    t.is(
      (
        await sidecar.psql(
          'folio_users',
          'DROP TABLE pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers',
        )
      ).code,
      0,
    )
  },
)

withPostgres(
  'a certificate that is revoked ends the sessions that it opened, and no other',
  async (t) => {
    const place = await cluster()
    const sidecar = await DatabaseSidecar.start(t, place)
    const first = sidecar.leaf
    const before = new Psql(sidecar.place('folio_users'))
    await before.tell('SELECT 41 + 1;', /42\n/)
    sidecar.put(await sidecar.issue(place.ca), [place.ca], [await place.ca.crl([])])
    await sidecar.reached(2)
    const after = new Psql(sidecar.place('folio_users'))
    await after.tell('SELECT 42 + 1;', /43\n/)
    await before.tell('SELECT 43 + 1;', /44\n/)
    sidecar.put(sidecar.leaf, [place.ca], [await place.ca.crl([first], { number: 2 })])
    await sidecar.reached(3)
    await until(() => {
      before.write('SELECT 1;')
      return /revoked-certificate/.test(before.said)
    })
    const [line] = await sidecar.process.say(({ msg }) => msg === 'database session refused')
    t.like(line, { reason: 'revoked-certificate', role: 'folio_users' })
    t.regex(
      await metricsOf(sidecar.process),
      /sidecar_refusals_total\{direction="postgres",reason="revoked-certificate"\} 1\n/,
    )
    await after.tell('SELECT 44 + 1;', /45\n/)
    await Promise.all([before.end(), after.end()])
    t.pass()
  },
)

withPostgres(
  'a server that restarts ends its sessions in its own words, and new ones come in',
  async (t) => {
    const place = await cluster()
    const sidecar = await DatabaseSidecar.start(t, place)
    const session = new Psql(sidecar.place('folio_users'))
    await session.tell('SELECT 41 + 1;', /42\n/)
    await place.stop()
    const { code, err } = await sidecar.psql('folio_users', 'SELECT 1')
    t.is(code, 2)
    t.regex(err, /upstream-unreachable/)
    await place.run()
    t.is((await sidecar.psql('folio_users', 'SELECT 1')).out, '1\n')
    session.write('SELECT 1;')
    await until(() => /terminating connection due to administrator command/.test(session.said))
    await session.end()
    // Killed: no word of it, and nothing hangs.
    const cut = new Psql(sidecar.place('folio_users'))
    await cut.tell('SELECT 41 + 1;', /42\n/)
    cut.write('SELECT pg_sleep(3600);')
    await until(
      async () =>
        (
          await place.asBoss(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND usename = 'folio_users'",
          )
        ).out === '1\n',
    )
    await place.stop('SIGQUIT')
    await until(() =>
      /server closed the connection|crash of another server process|immediate shutdown/.test(
        cut.said,
      ),
    )
    await cut.end()
    await place.run()
    t.is((await sidecar.psql('folio_users', 'SELECT 1')).out, '1\n')
  },
)

withPostgres('a client that is gone leaves no session on the server', async (t) => {
  const place = await cluster()
  const sidecar = await DatabaseSidecar.start(t, place)
  const session = new Psql(sidecar.place('folio_users'))
  await session.tell('SELECT 41 + 1;', /42\n/)
  await session.end()
  await until(async () => (await place.asBoss(RUNNING)).out === '0\n')
  await until(() => holdsNone(sidecar))
  t.pass()
})

withPostgres(
  'a drain ends idle sessions at once and others when their transaction is over',
  async (t) => {
    const sidecar = await DatabaseSidecar.start(t, await cluster())
    const idle = new Psql(sidecar.place('folio_users'))
    await idle.tell('SELECT 41 + 1;', /42\n/)
    const busy = new Psql(sidecar.place('folio_users'))
    await busy.tell('BEGIN; SELECT 41 + 1;', /42\n/)
    sidecar.process.signal('SIGTERM')
    await until(() => {
      idle.write('SELECT 1;')
      return /terminating connection due to administrator command/.test(idle.said)
    })
    await busy.tell('SELECT 42 + 1;', /43\n/)
    busy.write('COMMIT;')
    await until(() => {
      busy.write('SELECT 1;')
      return /terminating connection due to administrator command/.test(busy.said)
    })
    t.regex(busy.said, /COMMIT/)
    await Promise.all([idle.end(), busy.end()])
    t.is(await sidecar.process.ended, 0)
  },
)

withPostgres(
  'a transaction that does not end is cut after limits.drainTimeoutMs, and the log says so',
  async (t) => {
    const limits = { drainTimeoutMs: 500 }
    const sidecar = await DatabaseSidecar.start(t, await cluster(), {}, { limits })
    const busy = new Psql(sidecar.place('folio_users'))
    await busy.tell('BEGIN; SELECT 41 + 1;', /42\n/)
    sidecar.process.signal('SIGTERM')
    const [line] = await sidecar.process.say(({ msg }) => msg === 'drain timed out, cutting')
    t.is(line?.['databaseSessions'], 1)
    t.is(await sidecar.process.ended, 1)
    await busy.end()
  },
)

withPostgres('limits.databaseSessions is kept, and said in words', async (t) => {
  const limits = { databaseSessions: 1 }
  const sidecar = await DatabaseSidecar.start(t, await cluster(), {}, { limits })
  const session = new Psql(sidecar.place('folio_users'))
  await session.tell('SELECT 41 + 1;', /42\n/)
  const { err } = await sidecar.psql('folio_users', 'SELECT 1')
  t.regex(err, /limits\.databaseSessions.*okapi-sidecar: overloaded/)
  await session.end()
  await until(async () => (await sidecar.psql('folio_users', 'SELECT 1')).out === '1\n')
})

withPostgres('limits.databaseIdleMs ends a session in which nothing passes', async (t) => {
  // Longer than psql and the server take between two words on a busy machine.
  const limits = { databaseIdleMs: 5000 }
  const sidecar = await DatabaseSidecar.start(t, await cluster(), {}, { limits })
  const session = new Psql(sidecar.place('folio_users'))
  await session.tell('SELECT 41 + 1;', /42\n/)
  await sidecar.process.say(({ reason }) => reason === 'timeout')
  session.write('SELECT 1;')
  await until(() => /limits\.databaseIdleMs/.test(session.said))
  await session.end()
  const metrics = await metricsOf(sidecar.process)
  t.regex(metrics, /sidecar_limits_hit_total\{limit="databaseIdleMs"\} 1\n/)
})

withPostgres('limits.databaseLoginMs ends a login in which the client says nothing', async (t) => {
  // Longer than the server takes to ask for the password.
  const limits = { databaseLoginMs: 5000 }
  const sidecar = await DatabaseSidecar.start(t, await cluster(), {}, { limits })
  const socket = connect(sidecar.port, '127.0.0.1')
  socket.write(startupPacket({ user: 'folio_users', database: 'folio' }))
  const answer = await buffer(socket)
  const error = errorFields(answer.subarray(answer.indexOf('E\0\0')))
  t.regex(error?.['M'] ?? '', /limits\.databaseLoginMs/)
  t.is(error?.['C'], '57P05')
  const metrics = await metricsOf(sidecar.process)
  t.regex(metrics, /sidecar_limits_hit_total\{limit="databaseLoginMs"\} 1\n/)
})

withPostgres(
  'connections that say nothing, or a byte now and then, keep no session out',
  async (t) => {
    const limits = { connections: 30, pendingConnections: 20, handshakeMs: 5000 }
    const sidecar = await DatabaseSidecar.start(t, await cluster(), {}, { limits })
    const startup = startupPacket({ user: 'folio_users', database: 'folio' })
    const open = Array.from({ length: 200 }, (_, i) => {
      const socket = connect(sidecar.port, '127.0.0.1')
      socket.on('error', () => socket.destroy())
      t.teardown(() => socket.destroy())
      // Without it the end of the connection would wait behind an N that is not read.
      socket.resume()
      let at = 0
      // One in three is silent, one asks for TLS and then is silent, one trickles.
      if (i % 3 === 1) socket.write(SSL_REQUEST)
      const trickle = setInterval(() => {
        if (i % 3 === 2 && at < startup.length - 1) socket.write(startup.subarray(at, ++at))
      }, 50)
      socket.on('close', () => clearInterval(trickle))
      return once(socket, 'close').catch(() => {})
    })
    for (let i = 0; i < 5; i++) {
      const { out, err } = await sidecar.psql('folio_users', 'SELECT 1')
      t.is(out, '1\n', err)
    }
    // Every one of them is closed in the end: limits.handshakeMs counts from the first, whatever trickles.
    await Promise.all(open)
    await until(() => holdsNone(sidecar))
  },
)

withPostgres('clients that break off at any moment leave no place taken', async (t) => {
  const limits = { databaseSessions: 8 }
  const sidecar = await DatabaseSidecar.start(t, await cluster(), {}, { limits })
  const startup = startupPacket({ user: 'folio_users', database: 'folio' })
  const more = Buffer.concat([startup, Buffer.from('p\0\0\0\x08bad\0')])
  const broken = Array.from({ length: 200 }, async (_, i) => {
    const socket = connect(sidecar.port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.resume()
    socket.write(more.subarray(0, 1 + ((i * 7) % more.length)))
    await new Promise((resolve) => setTimeout(resolve, i % 25))
    if (i % 2 === 0) socket.destroy()
    else socket.resetAndDestroy()
  })
  await Promise.all(broken)
  await until(() => holdsNone(sidecar))
  const sessions = Array.from({ length: 8 }, () => new Psql(sidecar.place('folio_users')))
  await Promise.all(sessions.map((each) => each.tell('SELECT 41 + 1;', /42\n/)))
  await Promise.all(sessions.map((each) => each.end()))
  t.pass()
})
