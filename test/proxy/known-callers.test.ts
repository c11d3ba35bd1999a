import test from 'ava'
import { KnownCallers } from '../../src/proxy/known-callers.ts'
import { OpenPolicy } from '../support/listeners.ts'

test('a caller is made once, and found by its name and by its number', (t) => {
  const known = new KnownCallers()
  const names = ['mod-a-1.0.0', 'operator/anna', 'client/sis', 'public', 'plain']
  for (const name of names) {
    const caller = known.named(name)!
    t.is(known.named(name), caller)
    t.is(known.hashed(caller.hash), caller)
    t.is(caller.name, name)
    t.is(caller.line.toString(), `X-Sidecar-Caller: ${name}\r\n`)
  }
  t.is(known.named('okapi'), known.okapi)
  t.is(known.named('unknown'), known.unknown)
  for (const name of ['', 'none', 'Okapi', 'mod-a', 'a/b', 'mod-a-1.0.0\r\nX: y', '__proto__']) {
    t.is(known.named(name), undefined, name)
  }
})

test('two names with one number are two callers', (t) => {
  const known = new KnownCallers()
  // FNV-1a of 32 bits: found by trying.
  const [one, two] = ['client/7pfs', 'client/ovja']
  const [a, b] = [known.named(one)!, known.named(two)!]
  t.is(a.hash, b.hash)
  t.not(a, b)
  t.is(known.named(one), a)
  t.is(known.hashed(a.hash), b)
})

test('more callers than are remembered are known all the same', (t) => {
  const known = new KnownCallers()
  for (let i = 0; i < 5000; i++) t.is(known.named(`client/c${i}`)?.name, `client/c${i}`)
  t.not(known.named('client/c4999'), known.named('client/c4999'))
  t.is(known.named('client/c1'), known.named('client/c1'))
})

test('a judge is made once for each module, and anew for another policy', (t) => {
  const caller = new KnownCallers().named('mod-a-1.0.0')!
  const [policy, other] = [new OpenPolicy(), new OpenPolicy()]
  const [one, two] = [caller.judge(policy, 'mod-b-1.0.0'), caller.judge(policy, 'mod-c-1.0.0')]
  t.not(one, two)
  t.is(caller.judge(policy, 'mod-b-1.0.0'), one)
  t.is(caller.judge(policy, 'mod-c-1.0.0'), two)
  const anew = caller.judge(other, 'mod-b-1.0.0')
  t.not(anew, one)
  t.not(caller.judge(policy, 'mod-b-1.0.0'), one)
})
