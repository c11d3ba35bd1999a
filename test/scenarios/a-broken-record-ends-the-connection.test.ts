import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../../src/demo/child.ts'
import { metric, until } from '../support/scenario/metrics.ts'
import { openSsl } from '../support/scenario/openssl.ts'
import {
  answer,
  ask,
  Cable,
  get,
  ID,
  Installation,
  OK,
  Talk,
  verdictOf,
} from '../support/scenario.ts'

// One bit of a TLS record is flipped on the way. Node emits `error` for it and leaves the socket open:
// the side that finds it ends the connection, the exchange ends with a reason, and the next one is served.

const T = 'X-Okapi-Tenant: diku'
const PATIENT = { responseHeadMs: 0, bodyIdleMs: 600_000, idleMs: 600_000 }

const installations = new Map<boolean, Installation>()
test.before(async () => {
  for (const link of [true, false]) {
    const each = { link, limits: PATIENT }
    const more = { [ID.okapi]: each, [ID.notes]: each }
    installations.set(link, await Installation.open({ modules: [ID.notes], more }))
  }
})
test.beforeEach(() => {
  for (const installation of installations.values()) installation.okapi.reply = OK
})
test.after.always(() =>
  Promise.all([...installations.values()].map((installation) => installation.close())),
)

for (const link of [true, false]) {
  const over = link ? 'a link' : 'HTTP/1.1'
  const installation = () => installations.get(link)!
  /** How often a link has ended so, at the end that read the broken record. */
  const broken = (id: string) =>
    metric(installation().sidecar(id), 'sidecar_links_ended_total{ending="broken"}')
  const served = async () =>
    verdictOf(await ask(installation().egress(ID.notes), get('/users/1', T)))

  test.serial(`${over}: an answer is broken on its way back`, async (t) => {
    const { cable, okapi, egress } = spread(installation())
    const before = await broken(ID.notes)
    t.is(await served(), '200')
    okapi.reply = () => {
      cable.flips = 'back'
      return answer('200 OK', [], 'never seen')
    }
    const talk = new Talk(egress).send(get('/users/1', T))
    const answered = await talk.next()
    talk.close()
    t.is(verdictOf(answered), '502 upstream-unreachable')
    await until(() => cable.open === 0)
    if (link) t.true((await broken(ID.notes)) > before)
    okapi.reply = OK
    t.is(await served(), '200')
  })

  test.serial(`${over}: an answer is broken within its body`, async (t) => {
    const { cable, okapi, egress } = spread(installation())
    const begun = Promise.withResolvers<() => void>()
    okapi.reply = (_request, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun')
      begun.resolve(() => socket.write('ended'))
      return null
    }
    const talk = new Talk(egress).send(get('/users/1', T))
    const goOn = await begun.promise
    await talk.sees('begun')
    cable.flips = 'back'
    goOn()
    const seen = await talk.end()
    t.true(seen.endsWith('\r\n\r\nbegun'), 'cut, and never whole')
    await until(() => cable.open === 0)
    okapi.reply = OK
    t.is(await served(), '200')
  })

  test.serial(`${over}: a request is broken on its way there`, async (t) => {
    const { cable, okapi, egress } = spread(installation())
    const before = await broken(ID.okapi)
    t.is(await served(), '200')
    okapi.forget()
    cable.flips = 'there'
    const talk = new Talk(egress).send(get('/users/broken', T))
    t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
    talk.close()
    await until(() => cable.open === 0)
    if (link) t.true((await broken(ID.okapi)) > before)
    t.is(await served(), '200')
    t.false(okapi.bytes.includes('broken'))
  })

  test.serial(`${over}: a request is broken within its body`, async (t) => {
    const { cable, okapi, egress } = spread(installation())
    okapi.forget()
    const begun = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    okapi.partly = (text, socket) => {
      if (text.includes('begun')) begun.resolve()
      socket.once('close', () => gone.resolve())
    }
    const head = `PUT /users/1 HTTP/1.1\r\nHost: x\r\n${T}\r\nContent-Length: 10\r\n\r\n`
    const talk = new Talk(egress).send(`${head}begun`)
    await begun.promise
    cable.flips = 'there'
    talk.send('ended')
    t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
    talk.close()
    await gone.promise
    okapi.partly = () => {}
    t.is(okapi.requests.length, 0)
    await until(() => cable.open === 0)
    t.is(await served(), '200')
  })
}

test.serial('the log names what was broken, at both ends', async (t) => {
  const told = async (id: string) => {
    const [line] = await installations
      .get(false)!
      .sidecar(id)
      .say(({ because }) => because?.includes('ERR_SSL_') === true)
    return [line?.status, line?.reason]
  }
  t.deepEqual(await told(ID.notes), [502, 'upstream-unreachable'])
  t.deepEqual(await told(ID.okapi), [0, 'malformed-request'])
})

// The other end is OpenSSL's own.

test.serial('openssl s_client sends a broken record: the connection is closed', async (t) => {
  const installation = installations.get(true)!
  const certificate = join(installation.place.directory, 'certs', ID.notes)
  const cable = await Cable.start(installation.sidecar(ID.okapi).port('ingress'))
  const own = ['-key', join(certificate, 'tls.key'), '-cert', join(certificate, 'tls.crt')]
  const client = openSsl(['s_client', '-connect', `127.0.0.1:${cable.port}`, '-quiet', ...own])
  client.type(`GET /users/first HTTP/1.1\r\nHost: x\r\n${T}\r\n\r\n`)
  await client.says(/HTTP\/1\.1 200 OK/)
  installation.okapi.forget()
  cable.flips = 'there'
  client.type(`GET /users/second HTTP/1.1\r\nHost: x\r\n${T}\r\n\r\n`)
  await until(() => client.ended && cable.open === 0)
  t.is(installation.okapi.bytes, '')
  await cable.close()
})

for (const version of ['-tls1_2', '-tls1_3']) {
  test.serial(
    `openssl s_server ${version} answers with a broken record: 502 at once`,
    async (t) => {
      const { place } = installations.get(true)!
      const port = await freePort()
      const certificate = await place.certificate(ID.okapi)
      const own = ['-key', join(certificate, 'tls.key'), '-cert', join(certificate, 'tls.crt')]
      const server = openSsl([
        's_server',
        '-accept',
        `127.0.0.1:${port}`,
        '-quiet',
        version,
        ...own,
      ])
      const cable = await Cable.start(port)
      const sidecar = await place.sidecar(ID.notes, {
        ingress: undefined,
        egress: { listen: '127.0.0.1:0', gateway: `https://127.0.0.1:${cable.port}` },
        limits: { ...PATIENT, connectWaitMs: 20_000 },
      })
      const talk = new Talk(sidecar.port('egress')).send(get('/users/first', T))
      await server.says(/GET \/users\/first/)
      server.type('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      t.is(verdictOf(await talk.next()), '200')
      talk.send(get('/users/second', T))
      await server.says(/GET \/users\/second/)
      cable.flips = 'back'
      server.type('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      t.is(verdictOf(await talk.next()), '502 upstream-unreachable')
      await until(() => cable.open === 0)
      talk.close()
      server.kill()
      await sidecar.stop()
      await cable.close()
    },
  )
}

function spread(installation: Installation) {
  return {
    cable: installation.cable,
    okapi: installation.okapi,
    egress: installation.egress(ID.notes),
  }
}

async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port!
}
