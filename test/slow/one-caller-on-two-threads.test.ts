import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority } from '../../src/pki/ca.ts'
import { data, open } from '../support/link-frames.ts'
import { type Call, Callers, type From } from '../support/scenario/callers.ts'
import { limitHits, until } from '../support/scenario/metrics.ts'
import { Rogue } from '../support/scenario/rogue.ts'
import { get, ID, Installation, OK, request } from '../support/scenario.ts'

// Okapi's sidecar has two threads, each with half of every limit. One caller opens many connections with
// many exchanges on each, whose bodies begin and never end. All others are served, on both threads.

const T = 'X-Okapi-Tenant: diku'
const HEAD = `POST /tags HTTP/1.1\r\nHost: x\r\n${T}\r\nContent-Length: 100\r\n\r\n`
const UNFINISHED = request('POST /tags', [T, 'Content-Length: 100'])
const LINKS = 16
const STREAMS = 128
const CONNECTIONS = 600
const AT_ONCE = 40

let installation: Installation
let callers: Callers
let directory: string

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'public-'))
  const authority = await createAuthority(directory, { trustDomain: 'folio.test' })
  const { dir } = await authority.issue('client/browsers', { ips: ['127.0.0.1'], powerful: true })
  const more = {
    workers: 2,
    // Those that never finish are there until the test is over.
    limits: { bodyIdleMs: 3_600_000 },
    public: { listen: '0.0.0.0:0', credentials: { directory: dir } },
  }
  const modules = [ID.tags, ID.notes, ID.users]
  installation = await Installation.open({ processes: true, modules, more: { [ID.okapi]: more } })
  installation.okapi.reply = OK
  callers = new Callers(installation, dir)
})
test.after.always(async () => {
  await installation?.close()
  await rm(directory, { recursive: true, force: true })
})

/** By new connections, so many that each thread gets some of them. */
async function others(): Promise<string[]> {
  const from: readonly From[] = [
    { egress: ID.notes },
    { key: ID.notes },
    { key: ID.users },
    { listener: 'public', address: '127.0.0.77' },
  ]
  const calls = Array.from({ length: 10 }, () => from).flat()
  const verdicts = await Promise.all(calls.map((each) => callers.verdict(each, get('/users', T))))
  return [...new Set(verdicts)]
}

test.serial(
  'many links with many exchanges each that never finish: others are served',
  async (t) => {
    const certificate = join(installation.place.directory, 'certs', ID.tags)
    const port = installation.sidecar(ID.okapi).port('ingress')
    const rogues: Rogue[] = []
    const ids = Array.from({ length: STREAMS }, (_, i) => i + 1)
    for (let i = 0; i < LINKS; i++) {
      const rogue = await Rogue.connect(port, certificate)
      rogues.push(rogue)
      rogue.send(...ids.map((id) => open(id, HEAD) + data(id, 'x')))
    }
    // As many as it may have are at Okapi, all others have been refused.
    const arrived = () => installation.okapi.bytes.split('POST /tags ').length - 1
    const refusedBy = ({ frames }: Rogue) =>
      new Set(frames.filter(({ type }) => type === 'reset' || type === 'head').map(({ id }) => id))
    const refused = () => rogues.reduce((sum, rogue) => sum + refusedBy(rogue).size, 0)
    await until(() => arrived() + refused() >= LINKS * STREAMS)
    t.true(arrived() > 100, 'it gets much while it is alone')
    t.deepEqual(await others(), ['200'])
    t.is(await callers.verdict({ key: ID.tags }, UNFINISHED), '429 too-many')
    for (const rogue of rogues) rogue.socket.destroy()
    await until(async () => (await callers.verdict({ key: ID.tags }, get('/tags', T))) === '200')
  },
)

test.serial('many connections at `public` that never finish: others are served', async (t) => {
  const from: From = { listener: 'public', address: '127.0.0.2' }
  const calls: Call[] = []
  installation.okapi.forget()
  const arrived = () => installation.okapi.bytes.split('POST /tags ').length - 1
  const told = () => calls.filter(({ verdict, gone }) => verdict !== '' || gone).length
  while (calls.length < CONNECTIONS) {
    for (let i = 0; i < AT_ONCE; i++) calls.push(callers.call(from, UNFINISHED))
    await until(() => arrived() + told() >= calls.length)
  }
  t.deepEqual([...new Set(calls.map(({ verdict }) => verdict))].sort(), ['', '429 too-many'])
  t.deepEqual(await others(), ['200'])
  t.true((await limitHits(installation.sidecar(ID.okapi), 'exchangesPerCallee')) > 0)
  for (const { socket } of calls) socket.destroy()
  await until(async () => (await callers.verdict(from, get('/tags', T))) === '200')
})
