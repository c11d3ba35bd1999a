import test from 'ava'
import type { Identity } from '../../src/trust/identity.ts'
import { addressRefusal, fitsPin, pinRefusal, spkiPinRefusal } from '../../src/trust/pin.ts'

const uri = 'spiffe://folio.test/module/mod-users-19.7.0'
const common = { kind: 'module', trustDomain: 'folio.test' } as const
const users: Identity = {
  ...common,
  id: 'mod-users-19.7.0',
  product: 'mod-users',
  version: '19.7.0',
  uri,
}
const anna: Identity = { kind: 'operator', trustDomain: 'folio.test', name: 'mod-users', uri }

test('an id is compared whole', (t) => {
  t.true(fitsPin(users, { id: 'mod-users-19.7.0' }))
  for (const id of ['mod-users-19.7', 'mod-users-19.7.0.1', 'mod-users', 'Mod-users-19.7.0', '']) {
    t.false(fitsPin(users, { id }), id)
  }
})

test('a product is compared whole', (t) => {
  t.true(fitsPin(users, { product: 'mod-users' }))
  for (const product of ['mod-users-bl', 'mod-user', 'mod', 'mod-users-19.7.0', '']) {
    t.false(fitsPin(users, { product }), product)
  }
})

test('a person of the same name fits no pin', (t) => {
  t.false(fitsPin(anna, { product: 'mod-users' }))
  t.false(fitsPin(anna, { id: 'mod-users' }))
})

test('the refusal names both sides', (t) => {
  t.is(pinRefusal(users, { product: 'mod-users' }), undefined)
  const refusal = pinRefusal(users, { id: 'mod-login-1.0.0' })
  t.is(refusal?.reason, 'wrong-peer')
  t.is(refusal?.because, 'called mod-login-1.0.0, but the peer proved to be mod-users-19.7.0')
  const person = pinRefusal(anna, { product: 'mod-users' })
  t.is(
    person?.because,
    'called any version of mod-users, but the peer proved to be operator/mod-users',
  )
})

test('another installed version of the same product is not there yet, all else is wrong', (t) => {
  const reason = (identity: Identity, pin: Parameters<typeof addressRefusal>[1], known: string[]) =>
    addressRefusal(identity, pin, (id) => known.includes(id))?.reason
  const called = { id: 'mod-users-19.8.0' }
  t.is(reason(users, called, [users.id]), 'module-unavailable')
  t.is(reason(users, called, []), 'wrong-peer', 'a version that is not installed')
  t.is(reason(users, { id: 'mod-users-bl-1.0.0' }, [users.id]), 'wrong-peer', 'another product')
  t.is(reason(users, { product: 'mod-login' }, [users.id]), 'wrong-peer')
  t.is(reason(anna, { id: 'mod-users-19.8.0' }, ['mod-users']), 'wrong-peer', 'a person')
  t.is(reason(users, { id: users.id }, []), undefined)
  t.is(reason(users, { product: 'mod-users' }, []), undefined)
})

test('key pins: the entry of the id goes before that of the product', (t) => {
  const refused = (pins: [string, string[]][], identity: Identity = users) =>
    spkiPinRefusal(identity, 'aa', new Map(pins.map(([name, keys]) => [name, new Set(keys)])))
      ?.reason
  t.is(spkiPinRefusal(users, 'aa', undefined), undefined)
  t.is(refused([]), undefined)
  t.is(refused([['mod-users', ['aa', 'bb']]]), undefined)
  t.is(refused([['mod-users', ['bb']]]), 'untrusted-certificate')
  t.is(refused([['mod-users', []]]), 'untrusted-certificate')
  t.is(refused([['mod-users-bl', ['bb']]]), undefined)
  t.is(
    refused([
      ['mod-users-19.7.0', ['bb']],
      ['mod-users', ['aa']],
    ]),
    'untrusted-certificate',
  )
  t.is(refused([['operator/mod-users', ['bb']]], anna), 'untrusted-certificate')
  t.is(refused([['mod-users', ['bb']]], anna), undefined)
})
