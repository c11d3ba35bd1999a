import test from 'ava'
import type { Attack } from '../../src/probe/attack.ts'
import { ATTACKS, selectAttacks } from '../../src/probe/attacks.ts'
import { type Context, USUAL_PORTS } from '../../src/probe/context.ts'
import type { AttackFinding } from '../../src/probe/finding.ts'
import { choose, play } from '../../src/probe/runner.ts'

const blocked: AttackFinding = {
  outcome: 'blocked',
  reason: null,
  because: 'closed',
  evidence: { sent: '', received: '' },
}

function attack(id: string, run: Attack['run'], more: Partial<Attack> = {}): Attack {
  const text = { title: id, meaning: '.', judged: '.', remedy: '.' }
  return { id, group: 'tls', ...text, run, ...more }
}

function context(signal: AbortSignal): Context {
  return {
    target: { host: '127.0.0.1', port: 1, tls: true },
    role: 'module',
    ordinaryPath: '/users',
    timerPath: '/timer',
    trustDomain: 'folio.test',
    stolenId: 'okapi-7.2.0',
    tenant: 'diku',
    writeTenant: 'diku',
    ports: USUAL_PORTS,
    timeoutMs: 1000,
    stallMs: 1000,
    signal,
  }
}

const never = new AbortController().signal
const PACE = { parallel: 3, perSecond: 10_000 }

test('results come in the order of the registry, whatever finished first', async (t) => {
  const first = Promise.withResolvers<AttackFinding>()
  const attacks = [
    attack('one', () => first.promise),
    attack('two', () => {
      first.resolve(blocked)
      return Promise.resolve(blocked)
    }),
  ]
  const results = await play([{ as: null, context: context(never), attacks }], PACE)
  t.deepEqual(
    results.map((result) => result.attack.id),
    ['one', 'two'],
  )
})

test('no more attacks than allowed are under way at a time', async (t) => {
  let open = 0
  let most = 0
  const attacks = Array.from({ length: 20 }, (_, i) =>
    attack(`a${i}`, async () => {
      open += 1
      most = Math.max(most, open)
      await new Promise((resolve) => setImmediate(resolve))
      open -= 1
      return blocked
    }),
  )
  const results = await play([{ as: null, context: context(never), attacks }], PACE)
  t.is(results.length, 20)
  t.is(most, 3)
})

test('attacks that wait on purpose begin first', async (t) => {
  const began: string[] = []
  const note = (id: string, more = {}) =>
    attack(
      id,
      () => {
        began.push(id)
        return Promise.resolve(blocked)
      },
      more,
    )
  const attacks = [note('quick'), note('slow', { slow: true })]
  await play([{ as: null, context: context(never), attacks }], { ...PACE, parallel: 1 })
  t.deepEqual(began, ['slow', 'quick'])
})

test('attacks that did not finish by the deadline, or never began, are inconclusive', async (t) => {
  const deadline = new AbortController()
  const attacks = [
    attack('hangs', () => {
      setImmediate(() => deadline.abort())
      return new Promise<AttackFinding>(() => undefined)
    }),
    attack('later', () => Promise.resolve(blocked)),
  ]
  const round = { as: null, context: context(deadline.signal), attacks }
  const results = await play([round], { ...PACE, parallel: 1 })
  t.deepEqual(
    results.map(({ outcome, because }) => `${outcome}: ${because}`),
    Array(2).fill('inconclusive: the deadline of the run came first'),
  )
})

test('an error of the probe itself gives no verdict about the target', async (t) => {
  const attacks = [attack('broken', () => Promise.reject(new Error('a slip')))]
  const [result] = await play([{ as: null, context: context(never), attacks }], PACE)
  t.like(result, { outcome: 'inconclusive', because: 'the attack itself failed: a slip' })
})

test('answers of a hostile target are escaped before they are shown', async (t) => {
  const finding = { ...blocked, reason: '\x1b[2Jno', because: 'it said \x1b]0;x\x07' }
  const attacks = [attack('hostile', () => Promise.resolve(finding))]
  const [result] = await play([{ as: null, context: context(never), attacks }], PACE)
  t.like(result, { reason: '\\x1b[2Jno', because: 'it said \\x1b]0;x\\x07' })
})

test('an outsider tries what needs no credentials, and the report says what the rest needs', (t) => {
  const { tried, left } = choose(ATTACKS, context(never))
  t.true(tried.some(({ id }) => id === 'no-certificate'))
  t.false(tried.some(({ needs = [] }) => needs.length > 0))
  const why = new Map(left.map(({ attack: { id }, why }) => [id, why]))
  t.is(why.get('expired'), 'needs --ca')
  t.is(why.get('wrong-module'), 'needs --credentials')
  t.is(why.get('okapi-env'), 'is for Okapi only: --at okapi')
  t.is(tried.length + left.length, ATTACKS.length)
})

test('attacks are chosen by id and by group, and a wrong name is said', (t) => {
  const ids = (list: readonly Attack[]) => list.map(({ id }) => id)
  t.deepEqual(ids(selectAttacks(['no-certificate'], [])), ['no-certificate'])
  const tls = ids(selectAttacks(['tls'], ['no-certificate']))
  t.true(tls.length > 10)
  t.false(tls.includes('no-certificate'))
  t.throws(() => selectAttacks(['tsl'], []), { message: /no attack and no group `tsl`/ })
})
