import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { Fault } from '../../src/fault.ts'
import type { Address } from '../../src/transport/address.ts'
import { CoarseClock } from '../../src/transport/clock.ts'
import type { ConnectionSlot } from '../../src/transport/connection-slots.ts'
import { listenPlain } from '../../src/transport/listen.ts'
import { BoundListener, type ListenEvents } from '../../src/transport/listening.ts'
import { until } from '../support/patience.ts'
import { readAll } from './peers.ts'
import { tempFolder } from './temp.ts'

const folder = tempFolder()

const clock = new CoarseClock(10)
const LOCAL: Address = { host: '127.0.0.1', port: 0 }

function greet(socket: Socket): void {
  socket.on('error', () => {})
  socket.end('hello')
  socket.resume()
}

function listen(address: Address, connections = 100, events: ListenEvents = {}) {
  return listenPlain(
    { address, limits: { connections, pendingConnections: 64 }, clock, events },
    greet,
  )
}

function target(address: string): Address {
  if (address.startsWith('/')) return { path: address }
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  return { host, port: Number(address.slice(colon + 1)) }
}

const visit = (address: string) => readAll(connect(target(address)))

for (const [address, shape] of [
  [LOCAL, /^127\.0\.0\.1:\d+$/],
  [{ host: '::1', port: 0 }, /^\[::1\]:\d+$/],
  [{ host: '::', port: 0 }, /^\[::\]:\d+$/],
  [{ host: 'localhost', port: 0 }, /^(127\.0\.0\.1|\[::1\]):\d+$/],
  [{ path: join(folder, 'plain.sock') }, /plain\.sock$/],
] as const) {
  test(`listens on ${JSON.stringify(address).replace(folder, '')}`, async (t) => {
    const listener = await listen(address)
    t.regex(listener.address, shape)
    t.is(await visit(listener.address), 'hello')
    await listener.close()
    t.is(listener.open, 0)
    // A port may belong to another process by now.
    if ('path' in address) await t.throwsAsync(once(connect(target(listener.address)), 'connect'))
  })
}

async function fault(t: { is: typeof Object.is }, address: Address, words: RegExp) {
  try {
    await listen(address)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const [problem] = error.problems
    t.is(words.test(problem?.message ?? ''), true)
    t.is(problem?.hint === undefined, false)
    return
  }
  throw new Error('it listens')
}

test('an address that cannot be had is a fault with a hint', async (t) => {
  const taken = await listen(LOCAL)
  const path = join(folder, 'taken.sock')
  const takenPath = await listen({ path })
  const file = join(folder, 'file.sock')
  writeFileSync(file, 'precious')
  await fault(t, target(taken.address), /^cannot listen on 127\.0\.0\.1:\d+: it is in use$/)
  await fault(t, { path }, /taken\.sock: it is in use$/)
  await fault(t, { path: file }, /file\.sock: it is in use$/)
  await fault(
    t,
    { host: '192.0.2.1', port: 0 },
    /^cannot listen on 192\.0\.2\.1:0: no such address/,
  )
  await fault(t, { host: 'no.such.invalid', port: 0 }, /no such address here$/)
  await fault(t, { path: join(folder, 'none', 'a.sock') }, /its folder does not exist$/)
  t.true(existsSync(file))
  t.is(await visit(takenPath.address), 'hello')
  await taken.close()
  await takenPath.close()
})

const unprivileged = process.getuid?.() === 0 ? test.skip : test
unprivileged('a folder that may not be written is a fault with a hint', async (t) => {
  const closed = mkdtempSync(join(folder, 'closed-'))
  chmodSync(closed, 0o500)
  await fault(t, { path: join(closed, 'a.sock') }, /permission denied$/)
})

test('a Unix socket that a killed process left is taken over', async (t) => {
  const path = join(folder, 'left.sock')
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log(1))`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.true(existsSync(path))
  const listener = await listen({ path })
  t.is(await visit(listener.address), 'hello')
  await listener.close()
})

test('a connection that has settled keeps its place; of the others the oldest goes for the newest', async (t) => {
  let evicted = 0
  const slots: ConnectionSlot[] = []
  const listener = await listenPlain(
    {
      address: LOCAL,
      limits: { connections: 2, pendingConnections: 1 },
      clock,
      events: { evicted: () => evicted++ },
    },
    (socket, slot) => {
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.resume()
      slots.push(slot)
    },
  )
  const visitors: Socket[] = []
  const ends: Promise<string>[] = []
  const come = async () => {
    const socket = connect(target(listener.address))
    visitors.push(socket)
    ends.push(readAll(socket))
    const before = slots.length
    while (slots.length === before) await nextTurn()
  }
  await come()
  t.true(slots[0]!.settle())
  for (let i = 0; i < 3; i++) await come()
  // The second was the oldest that had not settled.
  t.is(await ends[1], '')
  t.is(listener.open, 3)
  t.true(slots[2]!.settle())
  t.true(slots[2]!.settle())
  t.false(slots[3]!.settle())
  for (let i = 0; i < 5; i++) await come()
  for (const gone of [1, 3, 4, 5, 6, 7]) t.is(await ends[gone], '')
  t.is(evicted, 6)
  t.is(listener.open, 3)
  t.deepEqual(
    visitors.map((socket) => socket.readyState),
    ['open', 'closed', 'open', 'closed', 'closed', 'closed', 'closed', 'closed', 'open'],
  )
  // A place that is given back can be had; and by the process that has it already only once.
  visitors[0]!.destroy()
  while (listener.open === 3) await nextTurn()
  t.true(slots[8]!.settle())
  for (const socket of visitors) socket.destroy()
  await Promise.all(ends)
  while (listener.open > 0) await nextTurn()
  await listener.close()
})

test('what waits to be accepted when a listener closes is still served', async (t) => {
  const listener = await listen(LOCAL, 1000)
  const address = target(listener.address)
  const visits = Array.from({ length: 50 }, () => readAll(connect(address)))
  // All fifty are in the kernel's queue before this process looks at it again.
  const queued = Array.from({ length: 50 }, () => connect(address))
  const answers = queued.map((socket) => readAll(socket))
  await Promise.all(queued.map((socket) => once(socket, 'connect')))
  await listener.close()
  t.deepEqual(await Promise.all([...visits, ...answers]), Array(100).fill('hello'))
})

test('closing twice is closing once, and nothing is accepted any more', async (t) => {
  const listener = await listen({ path: join(folder, 'twice.sock') })
  await Promise.all([listener.close(), listener.close()])
  await t.throwsAsync(once(connect(target(listener.address)), 'connect'))
})

test('when accepting fails the listener pauses, and listens again on the same port', async (t) => {
  const codes: string[] = []
  const server = createServer(greet)
  const events = { acceptFailed: (code: string) => codes.push(code) }
  const limits = { connections: 100, pendingConnections: 100 }
  const listening = new BoundListener(server, { limits, clock, events }, () => {})
  await listening.start({ address: LOCAL })
  const before = listening.address
  const failure = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' })
  server.emit('error', failure)
  t.false(server.listening)
  t.deepEqual(codes, ['EMFILE'])
  // Waited for with a timer: nothing else keeps this thread while the listener pauses.
  await until(() => server.listening)
  t.is(listening.address, before)
  t.is(await visit(before), 'hello')
  server.emit('error', failure)
  await listening.close()
  t.false(server.listening)
  t.deepEqual(codes, ['EMFILE', 'EMFILE'])
})

test('out of descriptors the process neither dies nor stops serving', async (t) => {
  const script = fileURLToPath(new URL('out-of-descriptors.ts', import.meta.url))
  const command = `ulimit -n 40; exec "${process.execPath}" "${script}"`
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const address = target((await lines.next()).value ?? '')
  const sockets = Array.from({ length: 80 }, () => connect(address))
  const ends = sockets.map((socket) => readAll(socket))
  // Some are held open, the others are closed at once: that those end is what is waited for.
  const shed = await Promise.any(ends)
  t.is(shed, '')
  for (const socket of sockets) socket.destroy()
  await Promise.all(ends)
  let greeting = ''
  while (greeting === '') {
    const socket = connect(address)
    const end = readAll(socket)
    socket.end('question')
    greeting = await end
  }
  t.is(greeting, 'hello')
  child.kill()
  const [code, signal] = await once(child, 'exit')
  t.is(code, null)
  t.is(signal, 'SIGTERM')
})
