import test from 'ava'
import { CancelKeys } from '../../src/postgres/cancel-requests.ts'

const place = (port: number) => ({ host: '10.0.0.1', port, name: 'db' })

test('each key leads to the server that gave it, until its session is over', (t) => {
  const keys = new CancelKeys()
  const over = Array.from({ length: 50 }, (_, i) =>
    keys.add(i, Buffer.from([0, 0, 0, i]), place(i)),
  )
  for (let asked = 0; asked < 10_000; asked++) {
    const [processId, key] = [asked % 100, Buffer.from([0, 0, 0, Math.floor(asked / 100)])]
    const expected = processId === key[3] && processId < 50 ? place(processId) : undefined
    t.deepEqual(keys.find(processId, key), expected)
  }
  over[7]!()
  t.is(keys.find(7, Buffer.from([0, 0, 0, 7])), undefined)
  t.deepEqual(keys.find(8, Buffer.from([0, 0, 0, 8])), place(8))
})

test('a key is compared whole', (t) => {
  const keys = new CancelKeys()
  keys.add(1, Buffer.from('abcd'), place(1))
  for (const key of ['abc', 'abcde', 'abcd\0', '']) t.is(keys.find(1, Buffer.from(key)), undefined)
})

test('a key that two servers gave names no session', (t) => {
  const keys = new CancelKeys()
  keys.add(1, Buffer.from('abcd'), place(1))
  keys.add(1, Buffer.from('abcd'), place(2))
  t.is(keys.find(1, Buffer.from('abcd')), undefined)
})
