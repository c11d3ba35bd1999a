import test from 'ava'
import { isRefusal } from '../../src/refusal/refusal.ts'
import { type HandshakeRecord, judgeConnection, recheck } from '../../src/trust/judge.ts'
import { makeCa, makePair, moduleNames } from '../support/pki.ts'
import { accepted, trusting } from '../support/trust.ts'

const USERS = 'mod-users-19.7.0'

async function world() {
  const ca = await makeCa(undefined, 'root1')
  const other = await makeCa(undefined, 'root2')
  const issuing = await ca.intermediate()
  const leaf = await issuing.issue(moduleNames(USERS))
  const judged = judgeConnection(accepted([leaf, issuing, ca]), trusting([ca]))
  if (isRefusal(judged)) throw new Error(judged.because)
  return { ca, other, issuing, leaf, record: judged.record }
}

test('nothing changed: fit; another generation that still fits: stale', async (t) => {
  const { ca, other, record } = await world()
  t.is(recheck(record, { ...trusting([ca]), sameGeneration: true }), 'fit')
  t.is(recheck(record, { ...trusting([ca]), sameGeneration: false }), 'stale')
  t.is(recheck(record, { ...trusting([ca, other]), sameGeneration: false }), 'stale')
})

test('root removed', async (t) => {
  const { other, record } = await world()
  const verdict = recheck(record, { ...trusting([other]), sameGeneration: false })
  t.like(verdict, { reason: 'untrusted-certificate' })
})

test('root replaced by another of the same name', async (t) => {
  const { record } = await world()
  const same = await makeCa(undefined, 'root1', { key: makePair('p256') })
  const verdict = recheck(record, { ...trusting([same]), sameGeneration: false })
  t.like(verdict, { reason: 'untrusted-certificate' })
})

test('an intermediate that stood in the bundle removed from it', async (t) => {
  const { ca, issuing, leaf } = await world()
  const judged = judgeConnection(accepted([leaf]), trusting([ca, issuing]))
  if (isRefusal(judged)) return t.fail(judged.because)
  const again = (authorities: Parameters<typeof trusting>[0]) =>
    recheck(judged.record, { ...trusting(authorities), sameGeneration: false })
  t.like(again([ca]), { reason: 'untrusted-certificate' })
  t.is(again([ca, issuing]), 'stale')
})

test('leaf or intermediate revoked, even while the generation is said to be the same', async (t) => {
  const { ca, issuing, leaf, record } = await world()
  const lists = [
    [await ca.crl(), await issuing.crl([leaf])],
    [await ca.crl([issuing]), await issuing.crl()],
  ]
  for (const crls of lists) {
    for (const sameGeneration of [true, false]) {
      const verdict = recheck(record, { ...trusting([ca, issuing], { crls }), sameGeneration })
      t.like(verdict, { reason: 'revoked-certificate' })
    }
  }
  const crls = [await ca.crl(), await issuing.crl()]
  t.is(recheck(record, { ...trusting([ca, issuing], { crls }), sameGeneration: false }), 'stale')
})

test('expired since', async (t) => {
  const { ca, record } = await world()
  const late = { ...trusting([ca], { now: record.notAfter + 1 }), sameGeneration: true }
  t.like(recheck(record, late), { reason: 'expired-certificate' })
  t.is(recheck(record, { ...late, now: record.notAfter }), 'fit')
})

test('trust domain changed', async (t) => {
  const { ca, record } = await world()
  const context = trusting([ca], { trustDomain: 'other.test' })
  t.like(recheck(record, { ...context, sameGeneration: false }), { reason: 'bad-identity' })
})

test('a foreign id that now belongs to another module, or to none', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const uri = 'spiffe://cluster.local/ns/folio/sa/users'
  const leaf = await ca.issue({ uri: [uri] })
  const mapped = (id: string) => trusting([ca], { foreign: new Map([[uri, id]]) })
  const judged = judgeConnection(accepted([leaf, ca]), mapped(USERS))
  if (isRefusal(judged)) return t.fail(judged.because)
  const again = (context: ReturnType<typeof trusting>) =>
    recheck(judged.record, { ...context, sameGeneration: false })
  t.is(again(mapped(USERS)), 'stale')
  t.like(again(mapped('mod-login-1.0.0')), { reason: 'bad-identity' })
  t.like(again(trusting([ca])), { reason: 'bad-identity' })
})

test('pins changed', async (t) => {
  const { ca, record } = await world()
  const context = { ...trusting([ca]), sameGeneration: true }
  const keys = (key: string) => new Map([['mod-users', new Set([key])]])
  t.is(recheck(record, { ...context, pin: { product: 'mod-users' } }), 'fit')
  t.like(recheck(record, { ...context, pin: { id: 'mod-users-19.8.0' } }), { reason: 'wrong-peer' })
  t.is(recheck(record, { ...context, spkiPins: keys(record.spkiSha256) }), 'fit')
  t.like(recheck(record, { ...context, spkiPins: keys('00') }), { reason: 'untrusted-certificate' })
})

test('a record that leads to no authority is never fit', async (t) => {
  const { ca, record } = await world()
  const empty: HandshakeRecord = { ...record, trusted: [] }
  const verdict = recheck(empty, { ...trusting([ca]), sameGeneration: true })
  t.like(verdict, { reason: 'untrusted-certificate' })
})
