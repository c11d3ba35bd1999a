// What the audit trail costs: `node bench/audit.ts`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuditEntry, chained, entryText, NO_HASH } from '../src/audit/entry.ts'
import { FileSink } from '../src/audit/file-sink.ts'
import { AuditTrail } from '../src/audit/trail.ts'
import type { Allow } from '../src/policy/decision.ts'
import { auditKind } from '../src/proxy/audited.ts'

const ENTRIES = 100_000
const ROUNDS = 3

/** As one of a highly sensitive interface at Okapi's sidecar. */
const ENTRY: AuditEntry = {
  kind: 'exchange',
  direction: 'ingress',
  caller: 'mod-inventory-22.1.0',
  peer: '10.244.17.201:48122',
  userId: '4c5f2d9e-7a31-4f0b-9c56-3d0c2b7e8a10',
  at: 'okapi',
  provider: 'mod-users-19.7.0',
  interface: 'users',
  sensitivity: 'high',
  method: 'GET',
  route: '/users/{id}',
  tenant: 'diku',
  requestId: '812345/users;912345/users',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  rule: { kind: 'requires', file: 'mod-inventory-22.1.0.json', pointer: '/requires/3' },
  phase: 'began',
}
const ENDED: AuditEntry = {
  kind: 'exchange',
  phase: 'ended',
  of: 812_345,
  requestId: '812345/users;912345/users',
  status: 200,
  outcome: 'answered',
  upstream: '127.0.0.1:9130',
  bytesIn: 0,
  bytesOut: 1820,
  durationMs: 12,
}

/** Microseconds of CPU each time, of the fastest of some rounds. */
async function cpu(work: () => Promise<void> | void, times = ENTRIES): Promise<string> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round <= ROUNDS; round++) {
    const from = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(from)
    // The first round is for the compiler.
    if (round > 0) best = Math.min(best, (user + system) / times)
  }
  return `${best.toFixed(2)} us`
}

const REGULAR = {
  allow: true,
  interface: { id: 'users', version: '16.5' },
  routePattern: '/users/{id}',
  rule: { kind: 'requires', file: 'a.json', pointer: '/0' },
  sensitivity: 'regular',
  system: false,
} as unknown as Allow

function unaudited(): void {
  const none = new Set<string>()
  for (let i = 0; i < ENTRIES; i++) if (auditKind(REGULAR, none) !== undefined) throw new Error()
}

function made(): void {
  let position = { chain: '0'.repeat(32), seq: 0, hash: NO_HASH }
  for (let i = 0; i < ENTRIES; i++) ({ position } = chained(position, 0, entryText(ENTRY)))
}

/** Exchanges that wait for their entries, so many at a time; each has another one at its end. */
async function blocked(open: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-audit-'))
  const { sink, end } = await FileSink.open(join(directory, 'audit.log'))
  const position = { chain: '0'.repeat(32), seq: 0, hash: NO_HASH }
  const events = { troubled() {}, recovered() {}, rotated() {} }
  const who = { module: 'okapi-7.2.0', host: 'okapi-0' }
  const trail = new AuditTrail(sink, { ...end, position }, who, events)
  let left = ENTRIES
  await new Promise<void>((resolve) => {
    const next = () => {
      if (left-- <= 0) return left === -open && resolve()
      trail.announce('exchange', entryText(ENTRY), (_, written) => {
        if (!written) throw new Error('not written')
        trail.add('exchange', entryText(ENDED))
        next()
      })
    }
    for (let i = 0; i < open; i++) next()
  })
  await trail.close('stop', entryText({ kind: 'stop' }))
  rmSync(directory, { recursive: true, force: true })
}

const rows = [
  ['an exchange without an entry', await cpu(unaudited)],
  ['an entry made and hashed', await cpu(made)],
  ['block, one exchange at a time', await cpu(() => blocked(1))],
  ['block, 16 at a time', await cpu(() => blocked(16))],
  ['block, 256 at a time', await cpu(() => blocked(256))],
]
for (const [what = '', time = ''] of rows) console.log(`${what.padEnd(32)}${time.padStart(12)}`)
