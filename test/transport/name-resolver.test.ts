import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import { NameServer, type Said } from '../support/name-server.ts'
import { patiently, until } from '../support/patience.ts'
import { tempFolder } from './temp.ts'

const folder = tempFolder()
let files = 0

/** A resolver with a name server of its own, files of its own, and a time that the test moves. */
class World {
  now = 1_000_000
  readonly server: NameServer
  readonly hosts = join(folder, `hosts-${++files}`)
  readonly resolvConf = join(folder, `resolv-${files}`)
  readonly names = new NameResolver(() => this.now, this)

  private constructor(server: NameServer) {
    this.server = server
  }

  static async open(t: ExecutionContext, zones: Record<string, Said> = {}): Promise<World> {
    const world = new World(await NameServer.start())
    t.teardown(() => world.server.close())
    for (const [name, said] of Object.entries(zones)) world.server.zones.set(name, said)
    world.configure('')
    return world
  }

  /** Writes /etc/resolv.conf anew, as a kubelet or DHCP client does. */
  configure(more: string, { port } = this.server): void {
    this.write(this.resolvConf, `nameserver 127.0.0.1:${port}\n${more}\n`)
  }

  write(file: string, text: string): void {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }

  /** Time goes by. */
  later(seconds: number): this {
    this.now += seconds * 1000
    return this
  }

  /**
   * Asks until this is the answer. When the name has a good answer already, that one comes first if
   * the name server is late, as it is on a busy machine.
   */
  async says(host: string, expected: readonly string[] | string, renew = false): Promise<void> {
    await until(async () => isDeepStrictEqual(await this.ask(host, renew), expected))
  }

  /** The addresses, or why there are none. */
  ask(host: string, renew = false): Promise<readonly string[] | string> {
    const asked = new Promise<readonly string[] | string>((resolve) => {
      this.names.resolve(host, (addresses, failure) => resolve(failure ?? addresses), renew)
    })
    return patiently(asked, () => `no answer for ${host}`)
  }
}

const V4 = { a: ['192.0.2.1'] }

test('both families are asked for, and their addresses come together', async (t) => {
  const both = { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'] }
  const world = await World.open(t, { 'okapi.test': both, 'six.test': { aaaa: ['2001:db8::2'] } })
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1', '192.0.2.2', '2001:db8::1'])
  t.deepEqual(await world.ask('six.test'), ['2001:db8::2'])
})

test('a server that is silent about one family is not waited for', async (t) => {
  const world = await World.open(t, { 'okapi.test': V4 })
  const { server } = world
  // Some do not answer for AAAA at all.
  server.silentFor = 'AAAA'
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1'])
})

test('search domains and ndots of resolv.conf, and none of them behind a dot at the end', async (t) => {
  const world = await World.open(t, { 'okapi.svc.test': V4, 'a.b': { a: ['192.0.2.7'] } })
  world.configure('search none.test svc.test\noptions ndots:2')
  t.deepEqual(await world.ask('okapi'), ['192.0.2.1'])
  t.deepEqual(await world.ask('okapi.svc.test.'), ['192.0.2.1'])
  t.deepEqual(await world.ask('a.b'), ['192.0.2.7'])
  t.is(await world.ask('okapi.'), 'okapi. does not resolve (ENOTFOUND)')
  t.deepEqual(
    world.server.asked.filter((question) => question.startsWith('A ')),
    [
      'A okapi.none.test',
      'A okapi.svc.test',
      'A okapi.svc.test',
      'A a.b.none.test',
      'A a.b.svc.test',
      'A a.b',
      'A okapi',
    ],
  )
})

test('however many ask for a name at once, it is asked for once, and then not while it is believed', async (t) => {
  const world = await World.open(t, { 'okapi.test': { ...V4, ttl: 30 } })
  const all = await Promise.all(Array.from({ length: 500 }, () => world.ask('OKAPI.test')))
  t.true(all.every((addresses) => addresses[0] === '192.0.2.1'))
  t.is(world.server.asked.length, 2)
  await world.later(29.9).ask('okapi.test')
  t.is(world.server.asked.length, 2)
  world.server.zones.set('okapi.test', { a: ['192.0.2.9'] })
  await world.later(0.1).says('okapi.test', ['192.0.2.9'])
  t.is(world.server.asked.length, 4)
})

for (const [what, zone, seconds] of [
  ['a TTL of 0 counts as one second', { ...V4, ttl: 0 }, 1],
  ['a TTL of a day counts as five minutes', { ...V4, ttl: 86_400 }, 300],
  ['the shortest of both families counts', { ...V4, aaaa: ['2001:db8::1'], ttl: 7 }, 7],
  ['that of an alias counts too', { ...V4, cname: 'real.test', ttl: 90, cnameTtl: 20 }, 20],
] as const) {
  test(what, async (t) => {
    const world = await World.open(t, { 'okapi.test': zone })
    const before = await world.ask('okapi.test')
    t.is(before[0], '192.0.2.1')
    await world.later(seconds - 0.001).ask('okapi.test')
    t.is(world.server.count('A okapi.test'), 1)
    t.deepEqual(await world.later(0.001).ask('okapi.test'), before)
    t.is(world.server.count('A okapi.test'), 2)
  })
}

test('the answer that a name does not exist is kept for one second', async (t) => {
  const world = await World.open(t, { 'empty.test': {} })
  t.is(await world.ask('okapi.test'), 'okapi.test does not resolve (ENOTFOUND)')
  t.is(await world.ask('empty.test'), 'empty.test does not resolve (ENODATA)')
  world.server.zones.set('okapi.test', V4).set('empty.test', V4)
  t.is(await world.later(0.9).ask('okapi.test'), 'okapi.test does not resolve (ENOTFOUND)')
  t.deepEqual(await world.later(0.1).ask('okapi.test'), ['192.0.2.1'])
  t.deepEqual(await world.ask('empty.test'), ['192.0.2.1'])
})

// Alone: the name server is of this thread too, and must not be late for reasons of its own.
test.serial(
  'names whose server is silent hinder no other name, nor anything that needs a thread',
  async (t) => {
    const silent = Array.from({ length: 200 }, (_, i) => `silent-${i}.test`)
    const world = await World.open(t, {
      ...Object.fromEntries(silent.map((name) => [name, 'silence' as const])),
      'okapi.test': { ...V4, ttl: 1 },
    })
    t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1'])
    const failures = silent.map((name) => world.ask(name))
    const first = world.later(2).ask('okapi.test')
    t.deepEqual(await Promise.race([first, ...failures]), ['192.0.2.1'])
    for (let i = 0; i < 20; i++) {
      t.deepEqual(await world.later(2).ask('okapi.test'), ['192.0.2.1'])
      await readFile(world.resolvConf)
    }
    t.is((await Promise.all(failures))[199], 'silent-199.test does not resolve (ETIMEOUT)')
  },
)

test('while the servers are silent the last good answer is used, for a day', async (t) => {
  const world = await World.open(t, { 'okapi.test': { ...V4, ttl: 5 } })
  const { server } = world
  await world.ask('okapi.test')
  server.silent = true
  t.deepEqual(await world.later(60).ask('okapi.test'), ['192.0.2.1'])
  // The question is still under way: the next is not held up for longer than the first.
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1'])
  server.silent = false
  server.zones.set('okapi.test', 'servfail')
  const settled = () => world.later(6).ask('okapi.test')
  t.deepEqual(await settled(), ['192.0.2.1'])
  t.deepEqual(await world.later(86_300).ask('okapi.test'), ['192.0.2.1'])
  await world.later(86_400).says('okapi.test', 'okapi.test does not resolve (ESERVFAIL)')
  server.zones.set('okapi.test', { a: ['192.0.2.2'] })
  await world.later(2).says('okapi.test', ['192.0.2.2'])
})

test('servers that have failed are not asked again for five seconds, where there is a good answer', async (t) => {
  const world = await World.open(t, { 'okapi.test': { ...V4, ttl: 1 } })
  await world.ask('okapi.test')
  world.server.zones.set('okapi.test', 'servfail')
  await world.later(2).ask('okapi.test')
  const asked = world.server.asked.length
  for (let i = 0; i < 4; i++) t.deepEqual(await world.later(1).ask('okapi.test'), ['192.0.2.1'])
  t.is(world.server.asked.length, asked)
  await world.later(1).ask('okapi.test')
  await t.notThrowsAsync(until(() => world.server.asked.length > asked))
})

test('a name that no longer exists has no address, whatever it had before', async (t) => {
  const world = await World.open(t, { 'okapi.test': { ...V4, ttl: 1 } })
  await world.ask('okapi.test')
  world.server.zones.delete('okapi.test')
  await world.later(2).says('okapi.test', 'okapi.test does not resolve (ENOTFOUND)')
  world.server.zones.set('okapi.test', 'servfail')
  t.is(await world.later(2).ask('okapi.test'), 'okapi.test does not resolve (ESERVFAIL)')
})

test('where the addresses lead nowhere the servers are asked again before the TTL is over, once a second', async (t) => {
  const world = await World.open(t, { 'okapi.test': V4 })
  await world.ask('okapi.test')
  world.server.zones.set('okapi.test', { a: ['192.0.2.2'] })
  t.deepEqual(await world.ask('okapi.test', true), ['192.0.2.1'])
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1'])
  await world.later(1).says('okapi.test', ['192.0.2.2'], true)
  t.deepEqual(await world.ask('okapi.test', true), ['192.0.2.2'])
  t.is(world.server.count('A okapi.test'), 2)
})

test('addresses that lead nowhere just after they were looked up are not kept until the TTL is over', async (t) => {
  const world = await World.open(t, { 'okapi.test': V4 })
  await world.ask('okapi.test')
  world.server.zones.set('okapi.test', { a: ['192.0.2.2'] })
  t.deepEqual(await world.ask('okapi.test', true), ['192.0.2.1'])
  await world.later(1).says('okapi.test', ['192.0.2.2'])
  t.is(world.server.count('A okapi.test'), 2)
})

test('an answer that is too long for UDP comes by TCP', async (t) => {
  const a = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`)
  const world = await World.open(t, { 'okapi.test': { a, truncated: true } })
  t.deepEqual(await world.ask('okapi.test'), a)
  t.is(world.server.count('tcp A okapi.test'), 1)
})

test('hosts is looked at before any server, and read again when it changes', async (t) => {
  const world = await World.open(t, { 'okapi.test': V4 })
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1'])
  world.write(world.hosts, '10.1.2.3 okapi.test\n2001:db8::3 okapi.test\n')
  t.deepEqual(await world.later(1).ask('Okapi.Test'), ['10.1.2.3', '2001:db8::3'])
  t.deepEqual(await world.ask('okapi.test.'), ['10.1.2.3', '2001:db8::3'])
  world.write(world.hosts, '10.1.2.4 okapi.test\n')
  t.deepEqual(await world.later(1).ask('okapi.test'), ['10.1.2.4'])
  world.write(world.hosts, '# nothing\n')
  t.deepEqual(await world.later(1).ask('okapi.test'), ['192.0.2.1'])
  t.is(world.server.count('A okapi.test'), 1)
})

test('resolv.conf is read again when it changes', async (t) => {
  const world = await World.open(t, { 'okapi.test': 'silence' })
  const other = await NameServer.start()
  t.teardown(() => other.close())
  other.zones.set('okapi.test', { a: ['192.0.2.5'] })
  world.configure('', other)
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.5'])
  world.configure('search x.test')
  other.zones.clear()
  world.server.zones.set('okapi.x.test', { a: ['192.0.2.6'] })
  t.deepEqual(await world.later(1).ask('okapi'), ['192.0.2.6'])
})

test('of two servers the one that answers is enough', async (t) => {
  const world = await World.open(t, { 'okapi.test': 'silence', 'other.test': 'silence' })
  const other = await NameServer.start()
  t.teardown(() => other.close())
  other.zones.set('okapi.test', V4)
  world.configure(`nameserver 127.0.0.1:${other.port}`)
  t.deepEqual(await world.ask('okapi.test'), ['192.0.2.1'])
})

test('no name server is asked for addresses and localhost', async (t) => {
  const world = await World.open(t, { localhost: V4 })
  t.deepEqual(await world.ask('192.0.2.3'), ['192.0.2.3'])
  t.deepEqual(await world.ask('2001:db8::1'), ['2001:db8::1'])
  for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'a.localhost']) {
    t.deepEqual(await world.ask(name), ['127.0.0.1', '::1'])
  }
  world.write(world.hosts, '127.0.0.1 localhost\n192.0.2.9 localhost\n')
  t.deepEqual(await world.later(1).ask('localhost'), ['127.0.0.1'])
  world.write(world.hosts, '192.0.2.9 localhost\n')
  t.deepEqual(await world.later(1).ask('localhost'), ['127.0.0.1', '::1'])
  t.deepEqual(world.server.asked, [])
})

test('a thousand names are remembered, and no more', async (t) => {
  const world = await World.open(t)
  const names = Array.from({ length: 1025 }, (_, i) => `n${i}.test`)
  for (const name of names) world.server.zones.set(name, { ...V4, ttl: 300 })
  for (const name of names) await world.ask(name)
  await world.ask('n1024.test')
  await world.ask('n1.test')
  t.is(world.server.asked.length, 2 * 1025)
  await world.ask('n0.test')
  t.is(world.server.count('A n0.test'), 2)
})

test('as the lookup of an http request it finds the host, and says when there is none', async (t) => {
  const world = await World.open(t, { 'module.test': { a: ['127.0.0.1'] } })
  const module = createServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  module.listen(0, '127.0.0.1')
  await once(module, 'listening')
  t.teardown(() => module.close())
  const address = module.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  for (const autoSelectFamily of [true, false]) {
    const options = { port, lookup: world.names.lookup, autoSelectFamily, agent: false }
    const [response] = await once(get({ host: 'module.test', ...options }), 'response')
    t.is(response.statusCode, 200)
    response.destroy()
    await t.throwsAsync(once(get({ host: 'none.test', ...options }), 'response'), {
      message: 'none.test does not resolve (ENOTFOUND)',
    })
  }
})
