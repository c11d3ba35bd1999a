import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { PLACE as CHARTS, MODULE, only, render } from '../helm/render.ts'
import { missing, must, PLACE, run, whyNoNamespaces } from './podman.ts'

// The recipe for systemd, without systemd: two network namespaces at one bridge, made by the script that
// the unit runs, one of them with the rules that the chart writes.
const SCRIPT = join(import.meta.dirname, '..', '..', 'deploy/systemd/netns')
const BRIDGE = `fo${process.pid}`
const GUARDED = `guarded-${process.pid}`
const OTHER = `other-${process.pid}`
const [V4, V6] = ['10.211.7', 'fd5e:211:7:']
const SIDECAR = 65532
const FREE = `free-${process.pid}`
/** Where clouds have what is the machine's own (AWS, Azure, Alibaba; AWS twice, Google, Oracle, Scaleway, Alibaba). */
const METADATA = [
  '169.254.169.254',
  '168.63.129.16',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  'fd00:42::42',
  'fd00:100::100:200',
]

const why = missing('helm') ?? (await whyNoNamespaces())
if (why !== undefined) console.log(`skipped: network namespaces: ${why}`)
const real = why === undefined ? {} : { skip: why }
const servers: ChildProcess[] = []

async function namespace(
  verb: 'up' | 'down',
  name: string,
  host: number,
  rules = '/dev/null/none',
) {
  const env = {
    BRIDGE,
    RULES: rules,
    ADDRESS: `${V4}.${host}/24`,
    ADDRESS6: `${V6}:${host}/64`,
    GATEWAY: `${V4}.1/24`,
    GATEWAY6: `${V6}:1/64`,
  }
  const { code, err } = await run(SCRIPT, [verb, name], { env })
  assert.equal(code, 0, err)
}

/** A server in a namespace that says `open` to every caller. */
async function serve(name: string, port: number): Promise<void> {
  const script = `require('net').createServer((s) => s.end('open')).listen(${port}, '::', () => console.log('up'))`
  const args = ['netns', 'exec', `folio-${name}`, process.execPath, '-e', script]
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  servers.push(child)
  await once(child.stdout, 'data')
}

/** What is silent is asked once more: a machine that is only busy answers then. */
async function twice(ask: () => Promise<string>): Promise<string> {
  const found = await ask()
  return found === 'silent' ? ask() : found
}

/** What becomes of a connection from a namespace, by a user. */
function reach(name: string, user: number, address: string, port: number): Promise<string> {
  return twice(() => connection(name, user, address, port))
}

async function connection(
  name: string,
  user: number,
  address: string,
  port: number,
): Promise<string> {
  const script = `
    const socket = require('net').connect(${port}, '${address}')
    socket.setTimeout(1200, () => { console.log('silent'); process.exit() })
    socket.on('data', (text) => { console.log(String(text)); process.exit() })
    socket.on('error', (error) => { console.log(error.code); process.exit() })`
  const as = ['setpriv', `--reuid=${user}`, '--clear-groups', '--no-new-privs']
  const { out, err } = await run('ip', [
    'netns',
    'exec',
    `folio-${name}`,
    ...as,
    process.execPath,
    '-e',
    script,
  ])
  return out.trim() || err
}

/** What becomes of a datagram: `answered`, or why not. */
function datagram(name: string, user: number, address: string, port: number): Promise<string> {
  return twice(() => exchange(name, user, address, port))
}

async function exchange(
  name: string,
  user: number,
  address: string,
  port: number,
): Promise<string> {
  const script = `
    const socket = require('dgram').createSocket('${address.includes(':') ? 'udp6' : 'udp4'}')
    const say = (what) => { console.log(what); process.exit() }
    setTimeout(say, 1200, 'silent')
    socket.on('error', ({ code }) => say(code))
    socket.on('message', () => say('answered'))
    socket.send('x', ${port}, '${address}', (error) => error && say(error.code))`
  const as = ['setpriv', `--reuid=${user}`, '--clear-groups', '--no-new-privs']
  const inside = ['netns', 'exec', `folio-${name}`, ...as, process.execPath, '-e', script]
  const { out, err } = await run('ip', inside)
  return out.trim() || err
}

/** A server in a namespace that answers every datagram. */
async function answer(name: string, port: number): Promise<void> {
  const script = `
    const socket = require('dgram').createSocket('udp6')
    socket.on('message', (_, { address, port }) => socket.send('y', port, address))
    socket.bind(${port}, '::', () => console.log('up'))`
  const args = ['netns', 'exec', `folio-${name}`, process.execPath, '-e', script]
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  servers.push(child)
  await once(child.stdout, 'data')
}

/** Where clouds hand out credentials, as addresses of the neighbour. */
async function metadata(): Promise<void> {
  for (const address of METADATA) {
    const [bits, sure] = address.includes(':') ? [128, ['nodad']] : [32, []]
    const own = `${address}/${bits}`
    await must('ip', '-n', `folio-${OTHER}`, 'addr', 'add', own, 'dev', 'eth0', ...sure)
    for (const name of [GUARDED, FREE]) {
      await must('ip', '-n', `folio-${name}`, 'route', 'add', own, 'dev', 'eth0')
    }
  }
}

before(async () => {
  if (why !== undefined) return
  const things = await render({
    ...MODULE,
    postgres: [{ listen: '127.0.0.1:5432', server: `${V4}.2:5433`, databases: ['folio'] }],
    nftables: {
      enabled: true,
      image: 'nft',
      inwardPorts: [5701],
      outward: [
        { address: `${V4}.2`, ports: [5432] },
        { address: `${V6}:2`, ports: [5432, 9092] },
        // It holds what is the machine's own, and does not open that.
        { address: '0.0.0.0/0', ports: [80] },
        { address: '::/0', ports: [80] },
      ],
      dns: [`${V4}.2`],
    },
  })
  const rules = join(PLACE, 'chart.nft')
  writeFileSync(
    rules,
    only(things, 'ConfigMap', 'mod-users-19-7-0-sidecar').data?.['sidecar.nft'] ?? '',
  )
  await namespace('up', OTHER, 2)
  await namespace('up', GUARDED, 3, rules)
  await namespace('up', FREE, 4)
  for (const port of [8081, 8443, 9901, 5701, 9130]) await serve(GUARDED, port)
  for (const port of [80, 8443, 5432, 5433, 9092, 53]) await serve(OTHER, port)
  for (const port of [53, 5432]) await answer(OTHER, port)
  await answer(GUARDED, 8443)
  await metadata()
})

after(async () => {
  if (why !== undefined) return
  for (const server of servers) server.kill('SIGKILL')
  await namespace('down', GUARDED, 3)
  await namespace('down', FREE, 4)
  await namespace('down', OTHER, 2)
  await must('ip', 'link', 'delete', BRIDGE)
  for (const place of [PLACE, CHARTS]) rmSync(place, { recursive: true, force: true })
})

for (const [family, guarded, other] of [
  ['IPv4', `${V4}.3`, `${V4}.2`],
  ['IPv6', `${V6}:3`, `${V6}:2`],
] as const) {
  test(`${family}: from outside only the sidecar’s ports, and what is listed`, real, async () => {
    for (const port of [8443, 9901, 5701])
      assert.equal(await reach(OTHER, 0, guarded, port), 'open')
    for (const port of [8081, 9130]) assert.equal(await reach(OTHER, 0, guarded, port), 'silent')
  })

  test(`${family}: to the outside only the sidecar, and what is listed`, real, async () => {
    assert.equal(await reach(GUARDED, SIDECAR, other, 8443), 'open')
    for (const user of [1000, 0]) {
      assert.equal(await reach(GUARDED, user, other, 8443), 'ECONNREFUSED')
      assert.equal(await reach(GUARDED, user, other, 5432), 'open')
    }
    const kafka = await reach(GUARDED, 1000, other, 9092)
    assert.equal(kafka, family === 'IPv6' ? 'open' : 'ECONNREFUSED', 'each family has its own list')
  })

  test(`${family}: names are asked for only where it is listed`, real, async () => {
    const dns = await reach(GUARDED, 1000, other, 53)
    assert.equal(dns, family === 'IPv4' ? 'open' : 'ECONNREFUSED')
  })

  test(`${family}: loopback stays open inside the namespace`, real, async () => {
    const loopback = family === 'IPv4' ? '127.0.0.1' : '::1'
    assert.equal(await reach(GUARDED, 1000, loopback, 8081), 'open')
    assert.equal(await reach(GUARDED, 1000, guarded, 8081), 'open')
  })
}

for (const [family, guarded, other] of [
  ['IPv4', `${V4}.3`, `${V4}.2`],
  ['IPv6', `${V6}:3`, `${V6}:2`],
] as const) {
  test(`${family}: datagrams come and go for names alone`, real, async () => {
    for (const port of [53, 5432])
      assert.equal(await datagram(FREE, 1000, other, port), 'answered', 'there is one to reach')
    const names = await datagram(GUARDED, 1000, other, 53)
    assert.equal(names, family === 'IPv4' ? 'answered' : 'EPERM')
    assert.equal(await datagram(GUARDED, 1000, other, 5432), 'EPERM')
    assert.equal(await datagram(GUARDED, 1000, guarded, 8443), 'answered', 'over loopback')
    assert.equal(await datagram(OTHER, 0, guarded, 8443), 'silent', 'the port is open for TCP')
  })
}

test('the server of `postgres` is reached by the sidecar and not by the module', real, async () => {
  assert.equal(await reach(FREE, 1000, `${V4}.2`, 5433), 'open', 'there is something to reach')
  assert.equal(await reach(GUARDED, SIDECAR, `${V4}.2`, 5433), 'open')
  for (const user of [1000, 0])
    assert.equal(await reach(GUARDED, user, `${V4}.2`, 5433), 'ECONNREFUSED')
})

test('not even the sidecar gets credentials of the machine', real, async () => {
  for (const other of [`${V4}.2`, `${V6}:2`]) {
    assert.equal(await reach(GUARDED, 1000, other, 80), 'open', 'every network is listed')
  }
  for (const address of METADATA) {
    assert.equal(
      await reach(FREE, SIDECAR, address, 80),
      'open',
      `there is something at ${address}`,
    )
    for (const user of [SIDECAR, 1000, 0])
      assert.equal(await reach(GUARDED, user, address, 80), 'ECONNREFUSED', address)
  }
})

// Else IPv6 ends minutes after a pod has started: its neighbours do not find it any more.
test(
  'a bridge that looks after multicast hears that the namespace still listens',
  real,
  async () => {
    // In hundredths of a second: it asks all the time.
    const often = ['query', 'startup_query', 'query_response'].flatMap((what) => {
      return [`mcast_${what}_interval`, '100']
    })
    const looks = ['mcast_snooping', '1', 'mcast_querier', '1', 'mcast_mld_version']
    const solicited = 'ff02::1:ff00:3'
    for (const version of ['2', '1']) {
      await must('ip', 'link', 'set', BRIDGE, 'type', 'bridge', ...looks, version, ...often)
      const known = async () => JSON.parse(await must('bridge', '-j', 'mdb', 'show', 'dev', BRIDGE))
      const ports = async (): Promise<string[]> => {
        const entries: { grp: string; port: string }[] = (await known())[0].mdb
        return entries.filter(({ grp }) => grp === solicited).map(({ port }) => port)
      }
      const [port] = await ports()
      // What it heard before there were rules is forgotten after four minutes; here at once.
      if (port !== undefined) {
        await must('bridge', 'mdb', 'del', 'dev', BRIDGE, 'port', port, 'grp', solicited)
      }
      const end = Date.now() + 30_000
      while ((await ports()).length === 0) assert.ok(Date.now() < end, `MLDv${version}: not heard`)
    }
  },
)

test('it is made anew, and leaves nothing', real, async () => {
  const name = `again-${process.pid}`
  await namespace('up', name, 9)
  await namespace('up', name, 9)
  await namespace('down', name, 9)
  await namespace('down', name, 9)
  const list = await must('ip', 'netns', 'list')
  assert.ok(!list.includes(name))
})
