import { randomBytes } from 'node:crypto'
import test from 'ava'
import { halfSipHash, TokenHasher } from '../../src/proxy/token-hash.ts'

/** Of the authors' reference code (vectors.h, hsip64): key 00 to 07, message 00, 01, 02 and so on. */
const VECTORS = [
  ...['218d1f59b9b83cc8', 'be552412f8387315', '064f39ef7c50eb57', 'ce0f1a45f7060679'],
  ...['d5e78a175be52ea1', 'cb9d7c3f2f3db580', 'ce3e91358aa2bc25', 'ff202728b07bc684'],
]

function textOf({ a, b }: { readonly a: number; readonly b: number }): string {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32LE(a, 0)
  bytes.writeInt32LE(b, 4)
  return bytes.toString('hex')
}

test('it is HalfSipHash-2-4', (t) => {
  const key = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7])
  const message = Buffer.from(Array.from({ length: 64 }, (_, i) => i))
  const [k0, k1] = [key.readInt32LE(0), key.readInt32LE(4)]
  const hash = (length: number) => textOf(halfSipHash(k0, k1, message, 0, length, { a: 0, b: 0 }))
  t.deepEqual(
    VECTORS.map((_, length) => hash(length)),
    VECTORS,
  )
  t.is(hash(63), '2ea63c71bf326087')
})

test('what was hashed lately has the same hash again, and another key gives another', (t) => {
  const hasher = new TokenHasher(1, 2)
  const other = new TokenHasher(1, 3)
  // More than are kept, of all lengths around the limits, many with the same end.
  const tokens = Array.from({ length: 2000 }, (_, i) =>
    Buffer.concat([randomBytes(i % 1100), Buffer.from('same end'.slice(0, i % 9))]),
  )
  for (let turn = 0; turn < 2; turn++) {
    for (const token of tokens) {
      const padded = Buffer.concat([Buffer.from('x'), token, Buffer.from('y')])
      const expected = textOf(halfSipHash(1, 2, token, 0, token.length, { a: 0, b: 0 }))
      t.is(textOf(hasher.hash(padded, 1, 1 + token.length)), expected)
      t.not(textOf(other.hash(token, 0, token.length)), expected)
    }
  }
})

test('one byte makes a difference, wherever it stands', (t) => {
  const hasher = new TokenHasher(7, 8)
  const token = randomBytes(500)
  const expected = textOf(hasher.hash(token, 0, 500))
  for (let i = 0; i < 500; i++) {
    const changed = Buffer.from(token)
    changed[i]! ^= 1
    t.not(textOf(hasher.hash(changed, 0, 500)), expected)
  }
  t.not(textOf(hasher.hash(token, 0, 499)), expected)
  t.is(textOf(hasher.hash(token, 0, 500)), expected)
})
