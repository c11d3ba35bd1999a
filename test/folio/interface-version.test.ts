import test from 'ava'
import { interfaceVersionAt, isCompatible } from '../../src/folio/interface-version.ts'

const TABLE: readonly (readonly [provided: string, required: string, fits: boolean])[] = [
  // okapi-core InterfaceDescriptorTest.
  ['1.2', '1.2.3 2.0', false],
  ['1.3', '1.2.3 2.0', true],
  ['2.0', '1.2.3 2.0', true],
  ['2.1', '1.2.3 2.0', true],
  ['3.0', '1.2.3 2.0', false],
  ['16.5', '15.1 16.0', true],
  ['16.5', '16.5', true],
  ['16.5', '16.6', false],
  ['17.0', '15.1 16.0', false],
  // The first entry of the same major decides.
  ['3.4', '3.5 3.3', false],
  ['3.4', '3.3 3.5', true],
  // A patch that is asked for must be there.
  ['1.2', '1.2.0', false],
  ['1.2.0', '1.2', true],
  ['1.2.3', '1.2.4', false],
  // A double blank or anything that is no version ends the list.
  ['2.0', '1.0  2.0', false],
  ['2.0', '1.0 x 2.0', false],
  ['2.0', '1.0 2.0 x', true],
  // Numbers are compared as numbers.
  ['9.10', '9.9', true],
  ['10.0', '9.0', false],
]

for (const [provided, required, fits] of TABLE) {
  test(`${provided} ${fits ? 'meets' : 'does not meet'} "${required}"`, (t) => {
    t.is(isCompatible(provided, required), fits)
  })
}

test('reads numbers as Java does', (t) => {
  t.deepEqual(interfaceVersionAt('1.2', 0), [1, 2, -1])
  t.deepEqual(interfaceVersionAt('1.2.3 4.5', 1), [4, 5, -1])
  t.deepEqual(interfaceVersionAt('+1.02', 0), [1, 2, -1])
  t.deepEqual(interfaceVersionAt('1.2.', 0), [1, 2, -1])
  for (const wrong of ['', '1', '1.2.3.4', 'a.b', '1.', '1..2', ' 1.2', '1.2147483648', '1.2a']) {
    t.is(interfaceVersionAt(wrong, 0), undefined, wrong)
  }
})
