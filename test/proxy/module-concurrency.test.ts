import test from 'ava'
import fc from 'fast-check'
import { OKAPI_ITSELF } from '../../src/policy/true-caller.ts'
import { KnownCaller, KnownCallers } from '../../src/proxy/known-callers.ts'
import { ModuleConcurrency } from '../../src/proxy/module-concurrency.ts'
import { RequestContext } from '../../src/proxy/request-context.ts'
import { Share, type ShareKind } from '../../src/proxy/share.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'
import { OpenPolicy } from '../support/listeners.ts'

const MODULE = 'mod-notes-8.1.0'
const CALLERS = new KnownCallers()

interface Asked {
  /** Who stands behind Okapi's call; null: the caller speaks for itself. */
  readonly for?: string | null
  readonly share?: string
  readonly standing?: ShareKind
  readonly listener?: 'ingress' | 'egress'
  readonly decided?: object
}

/** A call that the policy has let through. */
function call(asked: Asked = {}): RequestContext {
  const { share = 'okapi-7.2.0', standing = 'okapi', listener = 'ingress' } = asked
  const policy = new OpenPolicy()
  policy.decide = () => asked.decided ?? {}
  const rules = { ...LISTENER_RULES[listener], destination: () => null }
  const place = { policy, at: MODULE, upstream: { open: () => {} } }
  const own = new Share(share, standing, 1)
  const context = new RequestContext(rules, { kind: 'module', id: MODULE }, '', {
    ...place,
    share: own,
  })
  context.decision = policy.bind().decide('GET', Buffer.from('/a'), 0, 2, 'diku', undefined, false)
  const who = asked.for === undefined ? 'mod-tags-3.1.0' : asked.for
  context.trueCaller = who === null ? null : (CALLERS.named(who) ?? new KnownCaller(OKAPI_ITSELF))
  return context
}

function concurrency(min = 4): ModuleConcurrency {
  return new ModuleConcurrency(MODULE, { min, most: 4 * min, tolerance: 2 })
}

/** Takes as many as it gets. */
function takeAll(all: ModuleConcurrency, asked: Asked): RequestContext[] {
  const taken: RequestContext[] = []
  for (;;) {
    const one = call(asked)
    if (all.take(one) !== null) return taken
    taken.push(one)
  }
}

test('one caller gets all that may wait, and then the reason why it gets no more', (t) => {
  const all = concurrency()
  t.is(takeAll(all, {}).length, 16)
  t.deepEqual(all.seen, { limit: 16, open: 16 })
  const refused = all.take(call())
  t.is(refused?.reason, 'overloaded')
  t.is(refused?.limit, 'adaptive.tolerance')
  t.regex(refused?.because ?? '', /^16 calls wait in mod-notes-8\.1\.0/)
})

test('when all places are taken others get half of their part; by the true caller, not by Okapi', (t) => {
  const all = concurrency()
  const first = takeAll(all, {})
  t.is(takeAll(all, { for: 'mod-inventory-22.1.0' }).length, 4)
  t.is(takeAll(all, { for: 'mod-users-19.7.0' }).length, 2)
  t.is(takeAll(all, {}).length, 0)
  t.is(takeAll(all, { for: null, share: 'client/sms', standing: 'proven' }).length, 2)
  // Addresses are one caller, however many they are.
  t.is(takeAll(all, { for: null, share: 'plain/192.0.2.1', standing: 'unproven' }).length, 1)
  t.is(takeAll(all, { for: null, share: 'plain/192.0.2.2', standing: 'unproven' }).length, 0)
  for (const one of first) all.ended(one)
  t.is(all.take(call()), null)
})

test('however many callers come, never more than twice the limit are open', (t) => {
  const all = concurrency()
  for (let i = 0; i < 100; i++)
    takeAll(all, { for: null, share: `client/${i}`, standing: 'proven' })
  t.deepEqual(all.seen, { limit: 16, open: 32 })
})

test('system calls, health questions, refused ones and those that go elsewhere are not counted', (t) => {
  const all = concurrency()
  takeAll(all, {})
  for (const decided of [{ system: true }, { health: true }]) {
    const one = call({ decided })
    t.is(all.take(one), null)
    t.is(one.countedFor, '')
  }
  t.is(all.take(call({ listener: 'egress' })), null)
  const undecided = call()
  undecided.decision = null
  t.is(all.take(undecided), null)
  t.is(all.seen.open, 16)
})

test('what is given back twice counts once', (t) => {
  const all = concurrency()
  const one = call()
  all.take(one)
  all.ended(one)
  all.ended(one)
  t.is(all.seen.open, 0)
  t.is(takeAll(all, {}).length, 16)
})

test('whatever callers come and go: never twice the limit, none is left over, and all ends at nothing', (t) => {
  const step = fc.record({ caller: fc.nat(40), ends: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const all = concurrency()
      const open = new Map<string, RequestContext[]>()
      for (const { caller, ends } of steps) {
        const name = `mod-${caller}-1.0.0`
        const own = open.get(name) ?? []
        const ending = ends ? own.pop() : undefined
        if (ending !== undefined) {
          all.ended(ending)
          continue
        }
        const one = call({ for: name })
        const refusal = all.take(one)
        if (refusal === null) open.set(name, [...own, one])
        const { limit, open: count } = all.seen
        t.true(count <= 2 * limit)
        // A caller that has nothing open is refused only where there is twice too much.
        if (refusal !== null && own.length === 0) t.is(count, 2 * limit)
        t.is(count, [...open.values()].flat().length)
      }
      for (const one of [...open.values()].flat()) all.ended(one)
      t.is(all.seen.open, 0)
    }),
  )
})

const clock = { now: 0 }

/** The module answers a call after so long. */
function answer(all: ModuleConcurrency, ms: number, more: Partial<Answered> = {}): void {
  const context = call()
  if (all.take(context) !== null) throw new Error('no place')
  const judgedAt = clock.now
  clock.now += ms
  const x = { context, method: 0, requestSent: true, bytesIn: 5, judgedAt, ...more }
  all.answered(x, more.status ?? 200)
}

interface Answered {
  readonly requestSent: boolean
  readonly bytesIn: number
  readonly status: number
}

/** One that knows what is usual (5 ms), with all places but one taken. */
function learned(): ModuleConcurrency {
  const settings = { min: 16, most: 64, tolerance: 2 }
  const all = new ModuleConcurrency(MODULE, settings, () => clock.now)
  for (let i = 0; i < 300; i++) answer(all, 5)
  for (const one of takeAll(all, {}).slice(0, 1)) all.ended(one)
  return all
}

test('the limit falls when the module gets slow', (t) => {
  const all = learned()
  t.deepEqual(all.seen, { limit: 64, open: 63 })
  for (let i = 0; i < 17; i++) answer(all, 500)
  t.true(all.seen.limit < 64)
})

test('what tells nothing of the module is left out: errors, long uploads, early and interim answers', (t) => {
  for (const more of [
    ...[{ status: 404 }, { status: 503 }, { bytesIn: 65_537 }, { requestSent: false }],
  ]) {
    const all = learned()
    for (let i = 0; i < 100; i++) answer(all, 500, more)
    t.deepEqual(all.seen, { limit: 64, open: 63 }, JSON.stringify(more))
  }
  const all = learned()
  const context = call()
  all.take(context)
  all.answered({ context, method: 0, requestSent: true, bytesIn: 0, judgedAt: clock.now }, 100)
  t.is(all.seen.open, 64)
})
