// What carrying the true caller costs, and judging by it: `node bench/true-caller.ts`.
import { compilePolicy } from '../src/policy/compiled-policy.ts'
import { installDescriptors } from '../src/policy/descriptors.ts'
import { KnownCallers } from '../src/proxy/known-callers.ts'
import { exchangeMemory, OpenExchanges } from '../src/proxy/open-exchanges.ts'
import { HeadWriter } from '../src/wire/head-writer.ts'

const TIMES = 500_000
const ROUNDS = 5
const SLOTS = 1000

const CALLER = 'mod-inventory-22.1.0'
const CALLEE = 'mod-users-19.7.0'
const TARGET = Buffer.from(`/users/4c5f2d9e-7a31-4f0b-9c56-3d0c2b7e8a10?query=${'x'.repeat(50)}`)
const PATH_END = TARGET.indexOf('?')

/** A head as Okapi sends it on, with a place for the handle. */
const BEGIN = `GET /${CALLEE}${TARGET} HTTP/1.1\r\nX-Okapi-Tenant: diku\r\nX-Sidecar-Exchange: `
const head = Buffer.alloc(1024)
head.write(BEGIN, 'latin1')
const target = BEGIN.indexOf(TARGET.toString())
const tenant = BEGIN.indexOf('diku')

const exchanges = new OpenExchanges({ memory: exchangeMemory(SLOTS), from: 0, to: SLOTS })
const known = new KnownCallers()
const caller = known.named(CALLER)!
const out = new HeadWriter()

/** Both ways through Okapi's sidecar: opened and handed out, then found, compared, and closed. */
function carried(): void {
  const place = { bytes: TARGET, start: 0, end: TARGET.length, method: 0, invoked: false }
  const opened = exchanges.begin({ caller, tenant: 'diku', ...place })
  out.begin()
  out.text('X-Sidecar-Exchange: ')
  exchanges.writeHandle(opened, out)
  const written = out.length
  out.bytes.copy(head, BEGIN.length, written - 38, written)
  const slot = exchanges.find(head, BEGIN.length, BEGIN.length + 38)
  const fits =
    exchanges.isTenant(slot, head, tenant, tenant + 4) &&
    exchanges.isMethod(slot, 0) &&
    exchanges.isTarget(slot, head, target, target + TARGET.length)
  const found = known.hashed(exchanges.callerHash(slot))
  if (!fits || found !== caller || !exchanges.isCaller(slot, found.bytes)) throw new Error('lost')
  if (!exchanges.stillOpen(slot)) throw new Error('closed')
  exchanges.close(opened)
}

const policy = policyOfTwo()
const okapi = policy.bind({ kind: 'module', id: 'okapi-7.2.0' }, CALLEE)

/** At the callee's sidecar with `policy.caller` on, beside the decision that is made anyway. */
function judged(): void {
  const decision = okapi.decide('GET', TARGET, 0, PATH_END, undefined, undefined)
  if (!decision.allow) throw new Error(decision.because)
  const { step } = decision
  const place = { bytes: TARGET, start: 0, end: PATH_END }
  const request = { step, method: 'GET', ...place, tenant: 'diku', preflight: false }
  if (!caller.judge(policy, CALLEE).decide(request).allow) throw new Error('refused')
}

function decided(): void {
  if (!okapi.decide('GET', TARGET, 0, PATH_END, undefined, undefined).allow) throw new Error('no')
}

function policyOfTwo() {
  const handlers = [{ methods: ['GET'], pathPattern: '/users/{id}', permissionsRequired: [] }]
  const users = { id: 'users', version: '16.5' }
  const values = [
    { id: CALLER, requires: [users] },
    { id: CALLEE, provides: [{ ...users, handlers }] },
  ]
  const files = values.map((value, i) => ({ file: `${i}.json`, path: `${i}.json`, value }))
  const { set } = installDescriptors(files)
  const { policy: compiled } = compilePolicy({ descriptors: set!, caller: 'enforce' })
  return compiled!
}

/** The fastest of some rounds: nanoseconds each time, and bytes that are left to collect. */
function measured(run: () => void): { nanos: number; bytes: number } {
  let [nanos, bytes] = [Number.POSITIVE_INFINITY, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const heap = process.memoryUsage().heapUsed
    const from = process.cpuUsage()
    for (let i = 0; i < TIMES; i++) run()
    const { user, system } = process.cpuUsage(from)
    bytes = (process.memoryUsage().heapUsed - heap) / TIMES
    nanos = Math.min(nanos, ((user + system) * 1000) / TIMES)
  }
  return { nanos, bytes }
}

const [carry, decide, judge] = [carried, decided, judged].map(measured)
console.log(`carried by Okapi’s sidecar, both ways  ${carry!.nanos.toFixed(0)} ns`)
console.log(
  `judged by the callee’s, in addition    ${(judge!.nanos - decide!.nanos).toFixed(0)} ns`,
)
