import test from 'ava'
import { KnownCallers } from '../../src/proxy/known-callers.ts'
import { RequestContext } from '../../src/proxy/request-context.ts'
import { Share, type ShareKind } from '../../src/proxy/share.ts'
import { TurnLimit } from '../../src/proxy/turn-limit.ts'
import { refuse } from '../../src/refusal/refusal.ts'
import { Exchange } from '../../src/wire/exchange.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'
import { listenerOf, memoryListener, OpenPolicy } from '../support/listeners.ts'

const TURN_MS = 2
/** What a call costs, and a refusal. */
const [CALL_MS, REFUSAL_MS] = [0.05, 0.002]
const CALLERS = new KnownCallers()

interface From {
  readonly standing?: ShareKind
  readonly listener?: 'okapi' | 'ingress' | 'modules' | 'public'
  /** Who stands behind Okapi's calls. */
  readonly for?: string
  readonly decided?: object
}

/** One caller, whose calls the policy lets through. */
function caller(name: string, from: From = {}): RequestContext {
  const { standing = 'proven', listener = 'okapi' } = from
  const policy = new OpenPolicy()
  policy.decide = () => from.decided ?? {}
  const rules = { ...LISTENER_RULES[listener], destination: () => null }
  const share = new Share(name, standing, 1)
  const place = { policy, at: 'okapi', upstream: { open: () => {} }, share }
  const context = new RequestContext(rules, { kind: 'module', id: name }, '', place)
  context.decision = policy.bind().decide('GET', Buffer.from('/a'), 0, 2, 'diku', undefined, false)
  context.trueCaller = from.for === undefined ? null : CALLERS.named(from.for)!
  return context
}

/** An event loop whose time is what calls and refusals cost. */
class Loop {
  now = 1000
  cpuMs = 0
  idleMs = 0
  told = 0
  readonly lately: number[] = []
  /** Of the time that passes so much is ours; the rest is that of other processes. */
  ownPart = 1
  readonly limit: TurnLimit
  readonly lengths: number[] = []
  readonly #ends: (() => void)[] = []
  #ticked = 1000

  constructor() {
    const events = {
      refusedUnread: () => void this.told++,
      refusedLately: (calls: number) => void this.lately.push(calls),
    }
    this.limit = new TurnLimit(TURN_MS, events, {
      now: () => this.now,
      cpuMs: () => this.cpuMs,
      idleMs: () => this.idleMs,
      atEnd: (done) => this.#ends.push(done),
    })
  }

  spend(ms: number): void {
    this.now += ms
    this.cpuMs += ms * this.ownPart
  }

  /** One turn in which each caller asks so often, in this order. @returns how many of each got in */
  turn(...asks: readonly [RequestContext, number][]): number[] {
    const began = this.now
    this.limit.came()
    const served = asks.map(([context, times]) => {
      let calls = 0
      for (let i = 0; i < times; i++) {
        const refused = this.limit.take(context, this.now) !== null
        if (!refused) calls++
        this.spend(refused ? REFUSAL_MS : CALL_MS)
      }
      return calls
    })
    for (const done of this.#ends.splice(0)) done()
    this.lengths.push(this.now - began)
    if (this.now - this.#ticked >= 100) this.tick()
    return served
  }

  tick(): void {
    this.#ticked = this.now
    this.limit.tick()
  }

  /** The CPU has been at its end since the clock looked last. */
  busy(): this {
    this.spend(100)
    this.tick()
    return this
  }

  /** Turns in which as much comes of each as the turn before took, times what it asks per millisecond. */
  run(turns: number, ...asks: readonly [RequestContext, number][]): number[] {
    const all = asks.map(() => 0)
    for (let i = 0; i < turns; i++) {
      const last = this.lengths.at(-1) ?? 1
      const due = asks.map(([context, perMs]): [RequestContext, number] => {
        return [context, Math.max(1, Math.round(perMs * last))]
      })
      this.turn(...due).forEach((calls, one) => {
        all[one]! += calls
      })
    }
    return all
  }

  get averageLength(): number {
    const last = this.lengths.slice(-200)
    return last.reduce((sum, each) => sum + each, 0) / last.length
  }
}

/** What can be served in a millisecond. */
const BEST = 1 / CALL_MS

test('twice as much as can be served: turns stay short, and what is served is what the refusals leave', (t) => {
  const loop = new Loop().busy()
  const one = caller('mod-a-1.0.0')
  loop.run(400, [one, 2 * BEST])
  const began = loop.now
  const [served = 0] = loop.run(400, [one, 2 * BEST])
  t.true(loop.averageLength < 1.5 * TURN_MS, `${loop.averageLength} ms`)
  // By arithmetic (1 - 2r) / (1 - r) of the best rate, r being what a refusal costs over what a call does.
  const r = REFUSAL_MS / CALL_MS
  const best = (1 - 2 * r) / (1 - r)
  const goodput = served / (loop.now - began) / BEST
  t.true(Math.abs(goodput - best) < 0.03, `${goodput}, not ${best}`)
})

test('without the limit the same turns get longer and longer', (t) => {
  const loop = new Loop()
  const one = caller('mod-a-1.0.0')
  // It is never told that the CPU is at its end.
  for (let i = 1; i < 10; i++) loop.turn([one, 2 ** i])
  t.true(loop.lengths.at(-1)! > 10 * TURN_MS)
})

test('what is refused says the reason and the limit', (t) => {
  const loop = new Loop().busy()
  const one = caller('mod-a-1.0.0')
  loop.run(100, [one, 2 * BEST])
  let refusal = null
  for (let i = 0; i < 1000 && refusal === null; i++) refusal = loop.limit.take(one, loop.now)
  t.like(refusal, { reason: 'overloaded', status: 503, limit: 'turnMs' })
})

test('a machine that is slow because others have its CPU refuses nothing', (t) => {
  const loop = new Loop()
  loop.ownPart = 0.7
  loop.busy()
  const one = caller('mod-a-1.0.0')
  for (let i = 0; i < 200; i++) t.deepEqual(loop.turn([one, 200]), [200])
})

test('a thread that has pauses refuses nothing, however much comes at once', (t) => {
  const loop = new Loop()
  const one = caller('mod-a-1.0.0')
  for (let i = 0; i < 200; i++) {
    t.deepEqual(loop.turn([one, 200]), [200])
    loop.now += 1
    loop.cpuMs += 1
    loop.idleMs += 1
  }
})

test('a busy thread whose turns are short refuses nothing', (t) => {
  const loop = new Loop().busy()
  const calls = Math.floor(TURN_MS / CALL_MS) - 1
  for (let i = 0; i < 500; i++) t.deepEqual(loop.turn([caller('a'), calls]), [calls])
})

test('a burst of 256 calls at once is served, also where the CPU is at its end', (t) => {
  const loop = new Loop().busy()
  const one = caller('mod-a-1.0.0')
  loop.run(100, [one, BEST / 2])
  t.deepEqual(loop.turn([one, 256]), [256])
})

test('a caller that asks for more than its share is refused, one that asks for less is not, whichever is read first', (t) => {
  for (const order of ['much first', 'little first']) {
    const loop = new Loop().busy()
    const much: [RequestContext, number] = [caller('much'), 3 * BEST]
    const little: [RequestContext, number] = [caller('little'), BEST / 4]
    const asks = order === 'much first' ? [much, little] : [little, much]
    loop.run(400, ...asks)
    const began = loop.now
    const served = loop.run(400, ...asks)
    const part = (of: [RequestContext, number]) =>
      served[asks.indexOf(of)]! / (loop.now - began) / BEST
    t.true(part(little) > 0.22, `${order}: ${part(little)}`)
    t.true(part(much) > 0.5, `${order}: ${part(much)}`)
  }
})

test('those who ask for too much get the same', (t) => {
  const loop = new Loop().busy()
  const asks = ['a', 'b', 'c', 'd'].map((name, i): [RequestContext, number] => {
    return [caller(name), (i + 1) * BEST]
  })
  loop.run(400, ...asks)
  const served = loop.run(400, ...asks)
  const [most, least] = [Math.max(...served), Math.min(...served)]
  t.true(most < 1.1 * least, `${served}`)
})

test('each caller gets one call in each turn, however many callers there are', (t) => {
  const loop = new Loop().busy()
  const asks = Array.from({ length: 200 }, (_, i): [RequestContext, number] => {
    return [caller(`mod-${i}`), 0.1]
  })
  const served = loop.run(50, ...asks)
  t.true(served.every((calls) => calls >= 50))
})

test('addresses that proved nothing have together what all others have, and one of them alone too', (t) => {
  for (const addresses of [1, 100]) {
    const loop = new Loop().busy()
    const proven = ['a', 'b', 'c'].map((name): [RequestContext, number] => [caller(name), BEST])
    const flood = Array.from({ length: addresses }, (_, i): [RequestContext, number] => {
      const from = { standing: 'unproven', listener: 'public' } as const
      return [caller(`public/192.0.2.${i}`, from), (5 * BEST) / addresses]
    })
    const asks = [...flood, ...proven]
    loop.run(400, ...asks)
    const served = loop.run(400, ...asks)
    const sum = (calls: readonly number[]) => calls.reduce((all, each) => all + each, 0)
    const part = sum(served.slice(0, addresses)) / sum(served)
    t.true(part < 0.6, `${addresses}: ${part}`)
    t.true(part > 0.35, `${addresses}: ${part}`)
  }
})

test('behind Okapi it is the true caller that counts', (t) => {
  const loop = new Loop().busy()
  const from = { standing: 'okapi', listener: 'ingress' } as const
  const much: [RequestContext, number] = [
    caller('okapi', { ...from, for: 'mod-a-1.0.0' }),
    3 * BEST,
  ]
  const little: [RequestContext, number] = [
    caller('okapi', { ...from, for: 'mod-b-1.0.0' }),
    BEST / 8,
  ]
  loop.run(400, much, little)
  const began = loop.now
  const [, served = 0] = loop.run(400, much, little)
  t.true(served / (loop.now - began) / BEST > 0.11)
})

test('system calls, questions about health, and what Okapi asks because it was asked are never refused', (t) => {
  const loop = new Loop().busy()
  const never = [
    caller('okapi-7.2.0', { listener: 'ingress', decided: { system: true } }),
    caller('okapi-7.2.0', { listener: 'ingress', decided: { health: true } }),
    caller('okapi-7.2.0', { listener: 'modules', standing: 'own' }),
  ]
  const flood = caller('mod-a-1.0.0')
  loop.run(200, [flood, 3 * BEST])
  const [, ...served] = loop.turn(
    [flood, 500],
    ...never.map((one): [RequestContext, number] => [one, 500]),
  )
  t.deepEqual(served, [500, 500, 500])
  // The twin: an ordinary call of the same caller.
  t.true(loop.turn([flood, 500], [caller('okapi-7.2.0', { listener: 'ingress' }), 500])[1]! < 500)
})

test('as soon as less comes everything is served', (t) => {
  const loop = new Loop().busy()
  const one = caller('mod-a-1.0.0')
  loop.run(400, [one, 4 * BEST])
  // One turn of what had come.
  loop.run(1, [one, BEST / 2])
  const [before, offered] = [loop.now, BEST / 2]
  const [served = 0] = loop.run(400, [one, offered])
  t.true(served / (loop.now - before) >= 0.97 * offered)
  // And when the clock has seen that nothing was refused, a burst is as well.
  loop.busy().busy()
  const told = loop.lately.length
  t.true(told > 0)
  t.deepEqual(loop.turn([one, 256]), [256])
  t.is(loop.lately.length, told)
})

test('refusing leaves pauses: it goes on until they are long', (t) => {
  for (const [idle, refuses] of [
    [15, true],
    [30, false],
  ] as const) {
    const loop = new Loop().busy()
    const one = caller('mod-a-1.0.0')
    loop.run(200, [one, 3 * BEST])
    loop.tick()
    // Something is refused, so it is not the calm that ends it.
    t.true(loop.turn([one, 500])[0]! < 500)
    loop.spend(100 - idle)
    loop.now += idle
    loop.idleMs += idle
    loop.tick()
    t.is(loop.turn([one, 500])[0]! < 500, refuses, `${idle} ms of 100 with nothing to do`)
  }
})

test('a request that is refused unread counts under the same rule, except those to Okapi itself', (t) => {
  const loop = new Loop().busy()
  const one = caller('mod-a-1.0.0')
  const head = (target: string) => Buffer.from(`....GET ${target} HTTP/1.1\r\n`)
  const unread = (target: string) => loop.limit.refusesUnread(one.share, head(target), 4)
  t.false(unread('/items'))
  loop.run(200, [one, 3 * BEST])
  t.false(unread('/items'), 'the turn has just begun')
  loop.turn([one, 500])
  for (let i = 0; i < 500; i++) loop.limit.take(one, loop.now)
  t.is(loop.told, 0)
  t.true(unread('/items'))
  t.is(loop.told, 1)
  t.false(unread('/_/proxy/modules'))
  t.true(unread('/_items'))
  t.false(loop.limit.refusesUnread(new Share('mod-b-1.0.0', 'proven', 1), head('/items'), 4))
})

test('only at Okapi’s mutual TLS is a request refused before it is judged, and nowhere with the limit off', (t) => {
  const limit = new TurnLimit(TURN_MS, { refusedUnread() {}, refusedLately() {} })
  limit.refusesUnread = () => true
  const asked = (name: 'okapi' | 'ingress' | 'modules' | 'egress') => {
    const { handler, context } = listenerOf(name, { open: () => {} }, { turns: limit })
    const x = new Exchange(context(), { canGiveBack: true } as never, handler)
    return handler.refusesUnread?.(x, Buffer.from('GET /a HTTP/1.1'), 0)
  }
  t.true(asked('okapi'))
  for (const name of ['ingress', 'modules', 'egress'] as const) t.false(asked(name), name)
  t.is(listenerOf('okapi', { open: () => {} }).handler.refusesUnread, undefined)
})

test('a call that is judged is refused before it is passed on', async (t) => {
  const limit = new TurnLimit(TURN_MS, { refusedUnread() {}, refusedLately() {} })
  const refusal = refuse('overloaded', 'no CPU left', { limit: 'turnMs' })
  let refuses = false
  limit.take = () => (refuses ? refusal : null)
  const call = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
  const { connect, pool } = memoryListener('okapi', { turns: limit })
  await connect().arrive(call)
  t.is(pool.dials, 1, 'the twin: the limit lets it through')
  refuses = true
  const socket = connect()
  await socket.arrive(call)
  t.regex(socket.sent, /^HTTP\/1\.1 503 [\s\S]*X-Sidecar-Refused: overloaded/)
  t.is(pool.dials, 1)
})
