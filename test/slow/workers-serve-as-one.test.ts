import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { metricsOf, until } from '../support/scenario/metrics.ts'
import {
  answer,
  ask,
  get,
  ID,
  Installation,
  type Line,
  Place,
  Player,
  Process,
  Talk,
  verdictOf,
} from '../support/scenario.ts'
import { everywhere, factsOf, served } from '../support/workers.ts'

const T = 'X-Okapi-Tenant: diku'
const workers = 2

let installation: Installation
let grants: string

test.before(async () => {
  const place = await Place.make()
  grants = await place.file('grants.yaml', '[]\n')
  const more = { workers, policy: { grants } }
  const modules = [ID.users, ID.tags]
  installation = await Installation.open({
    processes: true,
    modules,
    more: { [ID.users]: more, [ID.tags]: more, [ID.okapi]: more },
  })
})
test.after.always(() => installation?.close())

const okapi = () => installation.sidecar(ID.okapi)

test.serial(
  'both threads serve at every listener, and one page has the sums of both',
  async (t) => {
    const calls = 60
    const ids = Array.from({ length: calls }, () => randomUUID())
    const answers = await Promise.all(
      ids.map((id) =>
        ask(installation.modules, get(`/${ID.users}/users/1`, T, `X-Okapi-Request-Id: ${id}`)),
      ),
    )
    t.deepEqual(new Set(answers.map(verdictOf)), new Set(['200']))
    const refused = await ask(installation.egress(ID.tags), get('/users/1', T))
    t.is(verdictOf(refused), '403 interface-not-required')

    const each = await served(okapi())
    t.is(each.length, workers)
    t.true(
      each.every((count) => count > 0),
      `${each}`,
    )
    t.is(
      each.reduce((sum, count) => sum + count, 0),
      calls,
    )
    const page = await metricsOf(okapi())
    const series = (name: string) =>
      Number(
        page
          .split('\n')
          .find((line) => line.startsWith(name))
          ?.split(' ')
          .at(-1),
      )
    t.is(series('sidecar_requests_total{direction="modules",status_class="2xx"}'), calls)
    t.is(series('sidecar_request_duration_seconds_count{direction="modules"}'), calls)
    const { peers } = await factsOf(installation.sidecar(ID.users))
    t.is(peers.find(({ name }) => name === ID.okapi)?.exchanges, calls)
    const { refusals } = await factsOf(installation.sidecar(ID.tags))
    t.deepEqual(
      refusals.map(({ reason }) => reason),
      ['interface-not-required'],
    )

    for (const id of ids) await okapi().exchange(id)
    const lines = okapi().lines.filter(({ msg }) => msg === 'exchange')
    t.is(lines.length, calls)
  },
)

test.serial('a grant opens for connections of all threads, and closes for all', async (t) => {
  const talks = await everywhere(installation.sidecar(ID.tags), installation.egress(ID.tags), 2)
  const verdicts = async () =>
    new Set(
      await Promise.all(
        talks.map(async (talk) => verdictOf(await talk.send(get('/users/1', T)).next())),
      ),
    )
  t.deepEqual(await verdicts(), new Set(['403 interface-not-required']))
  const hashes = async () =>
    [await factsOf(okapi()), await factsOf(installation.sidecar(ID.tags))].map(
      ({ policy }) => policy.hash,
    )
  const before = await hashes()
  await change('- { caller: mod-tags, at: okapi, interface: users, why: a test of threads }\n')
  t.deepEqual(await verdicts(), new Set(['200']))
  t.notDeepEqual(await hashes(), before)
  await change('[]\n')
  t.deepEqual(await verdicts(), new Set(['403 interface-not-required']))
  t.deepEqual(await hashes(), before)
  for (const talk of talks) talk.close()
})

async function change(text: string): Promise<void> {
  const all = [okapi(), installation.sidecar(ID.tags)]
  const told = ({ msg }: Line) => msg === 'policy loaded'
  const before = all.map(({ lines }) => lines.filter(told).length)
  writeFileSync(grants, text, { mode: 0o600 })
  await Promise.all(all.map((one, i) => one.say(told, before[i]! + 1)))
}

test.serial('a policy that does not hold is refused once, by no thread', async (t) => {
  const tags = installation.sidecar(ID.tags)
  writeFileSync(grants, '- { caller: mod-tags, interface: users }\n', { mode: 0o600 })
  await tags.say(({ msg }) => msg === 'new policy refused')
  const talks = await everywhere(tags, installation.egress(ID.tags))
  for (const talk of talks) {
    t.is(verdictOf(await talk.send(get('/users/1', T)).next()), '403 interface-not-required')
    talk.close()
  }
  await change('[]\n')
  t.is(tags.lines.filter(({ msg }) => msg === 'new policy refused').length, 1)
})

test.serial('the port of one sidecar is not shared with another', async (t) => {
  const { place } = installation
  const file = await place.file(
    'same.json',
    await place.configuration(ID.users, {
      ingress: {
        listen: `127.0.0.1:${installation.sidecar(ID.users).port('ingress')}`,
        forward: 'http://127.0.0.1:1',
      },
      workers,
    }),
  )
  const second = new Process(['run', '-c', file])
  t.is(await second.ended, 2)
  t.regex(second.err, /cannot listen on 127\.0\.0\.1:\d+: it is in use/)
})

test.serial('a Unix socket is served too', async (t) => {
  const { place } = installation
  const path = join(place.directory, 'module.sock')
  const unix = await place.process(ID.tags, {
    egress: { listen: `unix:${path}`, gateway: 'https://127.0.0.1:1', url: 'http://localhost' },
    workers,
  })
  const module = await fetchUnix(path)
  t.regex(module, /^HTTP\/1\.1 403 [\s\S]*interface-not-required/)
  t.is(await unix.stop(), 0)
})

async function fetchUnix(path: string): Promise<string> {
  const { connect } = await import('node:net')
  const socket = connect({ path })
  socket.write(get('/users/1', T, 'Connection: close'))
  let text = ''
  for await (const part of socket) text += String(part)
  return text
}

test.serial('drain finishes what runs in every thread, and says nothing less', async (t) => {
  const place = await Place.make()
  const module = await Player.start()
  const released = Promise.withResolvers<void>()
  module.reply = async () => {
    await released.promise
    return answer('200 OK', [], 'at last')
  }
  const sidecar = await place.process(ID.users, {
    ingress: { listen: '127.0.0.1:0', forward: `http://127.0.0.1:${module.port}` },
    workers,
  })
  t.teardown(async () => {
    sidecar.signal('SIGKILL')
    await module.close()
    await place.close()
  })
  const where = { port: sidecar.port('ingress'), certificate: await place.certificate(ID.okapi) }
  let sent = 0
  const talks = await everywhere(sidecar, where, 3, async (talk) => {
    talk.send(get('/users/1', T, `X-Okapi-Request-Id: ${sent++}/users`))
    await until(() => module.requests.length === sent)
  })
  const idle = new Talk(where)
  await new Promise((resolve) => idle.socket.once('secureConnect', resolve))
  sidecar.signal('SIGTERM')
  t.is(await idle.end(), '')
  released.resolve()
  for (const talk of talks) {
    t.is((await talk.next()).body, 'at last')
    t.is(await talk.end(), '')
  }
  t.is(await sidecar.ended, 0)
  const exchanges = sidecar.lines.filter(({ msg }) => msg === 'exchange')
  t.deepEqual(
    exchanges.map(({ status }) => status),
    talks.map(() => 200),
  )
  t.is(new Set(exchanges.map(({ requestId }) => requestId)).size, talks.length)
  t.like(sidecar.lines.at(-1), { msg: 'stopped', drained: true })
  t.is(sidecar.err, '')
})

test.serial('many long lines from all threads: each is whole', async (t) => {
  const tags = installation.sidecar(ID.tags)
  const id = 'x'.repeat(480)
  const before = tags.lines.length
  const talks = await everywhere(tags, installation.egress(ID.tags), 4)
  const rounds = 50
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      talks.map((talk, i) =>
        talk.send(get('/users/1', T, `X-Okapi-Request-Id: ${i}-${round}-${id}`)).next(),
      ),
    )
  }
  for (const talk of talks) talk.close()
  const told = ({ requestId = '' }: Line) => requestId.endsWith(id)
  const lines = await tags.say(told, talks.length * rounds)
  // What is no JSON throws while it is read; what is no line at all would be seen here.
  t.is(new Set(lines.map(({ requestId }) => requestId)).size, talks.length * rounds)
  const all = tags.out.split('\n').filter((line) => line !== '')
  t.true(all.length > before)
  t.true(all.every((line) => line.startsWith('{') && line.endsWith('}')))
})
