import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { KnownCaller } from '../../src/proxy/known-callers.ts'
import {
  exchangeMemory,
  HANDLE_BYTES,
  MALFORMED,
  NOT_OPEN,
  OpenExchanges,
} from '../../src/proxy/open-exchanges.ts'
import { HeadWriter } from '../../src/wire/head-writer.ts'

const caller = new KnownCaller({ kind: 'module', id: 'mod-a-1.0.0' })
const GET = 0

function noted(target: string, tenant = 'diku') {
  const bytes = Buffer.from(target)
  const place = { bytes, start: 0, end: bytes.length }
  return { caller, tenant, method: GET, ...place, invoked: false }
}

function handleOf(exchanges: OpenExchanges, slot: number): Buffer {
  const out = new HeadWriter()
  out.begin()
  exchanges.writeHandle(slot, out)
  return out.copy()
}

const find = (exchanges: OpenExchanges, handle: Buffer) => exchanges.find(handle, 0, handle.length)
const isTarget = (exchanges: OpenExchanges, slot: number, target: string) =>
  exchanges.isTarget(slot, Buffer.from(target), 0, target.length)

test('every thread finds what one has opened, until it is closed', (t) => {
  const memory = exchangeMemory(8)
  const [one, two] = [0, 4].map((from) => new OpenExchanges({ memory, from, to: from + 4 }))
  const slot = one!.begin(noted('/users/1?a=b'))
  const handle = handleOf(one!, slot)
  t.regex(handle.toString(), /^[0-9a-f]{38}$/)
  t.is(handle.length, HANDLE_BYTES)
  for (const exchanges of [one!, two!]) {
    t.is(find(exchanges, handle), slot)
    t.true(exchanges.isTenant(slot, Buffer.from('xdikux'), 1, 5))
    t.false(exchanges.isTenant(slot, Buffer.from('xdikux'), 1, 6))
    t.true(isTarget(exchanges, slot, '/users/1?a=b'))
    t.false(isTarget(exchanges, slot, '/users/1?a='))
    t.false(isTarget(exchanges, slot, '/users/1?a=bc'))
    t.true(exchanges.isMethod(slot, GET))
    t.false(exchanges.isMethod(slot, 1))
    t.true(exchanges.isCaller(slot, caller.bytes))
    t.is(exchanges.callerName(slot), caller.name)
    t.is(exchanges.callerHash(slot), caller.hash)
    t.true(exchanges.stillOpen(slot))
  }
  one!.close(slot)
  for (const exchanges of [one!, two!]) {
    t.false(exchanges.stillOpen(slot))
    t.is(find(exchanges, handle), NOT_OPEN)
  }
})

test('a slot that is used again has another handle', (t) => {
  const exchanges = new OpenExchanges({ memory: exchangeMemory(1), from: 0, to: 1 })
  const handles = new Set<string>()
  for (let i = 0; i < 2000; i++) {
    const slot = exchanges.begin(noted('/a'))
    t.is(slot, 0)
    handles.add(handleOf(exchanges, slot).toString())
    exchanges.close(slot)
  }
  t.is(handles.size, 2000)
  const open = exchanges.begin(noted('/a'))
  const alive = handleOf(exchanges, open)
  for (const dead of handles) t.is(find(exchanges, Buffer.from(dead)), NOT_OPEN)
  t.is(find(exchanges, alive), 0)
})

test('the digits of handles are drawn: each takes all of its sixteen values', (t) => {
  const exchanges = new OpenExchanges({ memory: exchangeMemory(1), from: 0, to: 1 })
  const seen = Array.from({ length: 32 }, () => new Set<string>())
  for (let i = 0; i < 1000; i++) {
    const slot = exchanges.begin(noted('/a'))
    const digits = handleOf(exchanges, slot).toString().slice(6)
    for (const [at, digit] of [...digits].entries()) seen[at]?.add(digit)
    exchanges.close(slot)
  }
  for (const values of seen) t.is(values.size, 16)
})

test('as many as there are slots, then none; a value that is too long is not noted', (t) => {
  const exchanges = new OpenExchanges({ memory: exchangeMemory(3), from: 1, to: 3 })
  t.is(exchanges.begin(noted(`/${'a'.repeat(8192)}`)), -1)
  t.is(exchanges.begin(noted('/a', 'a'.repeat(193))), -1)
  const longest = exchanges.begin(noted(`/${'a'.repeat(8191)}`, 'a'.repeat(192)))
  t.is(longest, 1)
  t.true(isTarget(exchanges, longest, `/${'a'.repeat(8191)}`))
  const slot = exchanges.begin(noted('/a'))
  t.is(slot, 2)
  // The long one has not written over its neighbour.
  t.true(isTarget(exchanges, slot, '/a'))
  t.true(isTarget(exchanges, longest, `/${'a'.repeat(8191)}`))
  t.is(exchanges.begin(noted('/a')), -1)
  t.is(exchanges.open, 2)
  exchanges.close(longest)
  t.is(exchanges.begin(noted('/b')), longest)
})

test('a cut ends the target at its first, and only there', (t) => {
  const exchanges = new OpenExchanges({ memory: exchangeMemory(1), from: 0, to: 1 })
  const slot = exchanges.begin(noted('/a?b#c#d'))
  const cut = (target: string) =>
    exchanges.isTarget(slot, Buffer.from(target), 0, target.length, '#'.charCodeAt(0))
  t.true(cut('/a?b'))
  for (const target of ['/a?b#', '/a?b#c', '/a?b#c#d', '/a?', '']) t.false(cut(target), target)
})

test('a text that is not a handle is malformed, a handle of others is not open', (t) => {
  const exchanges = new OpenExchanges({ memory: exchangeMemory(2), from: 0, to: 2 })
  const handle = handleOf(exchanges, exchanges.begin(noted('/a'))).toString()
  const malformed = [
    '',
    handle.slice(1),
    `${handle}0`,
    handle.toUpperCase().replace(/^0+/, (zeros) => zeros),
    handle.replace(/.$/, 'g'),
    handle.replace(/^./, ' '),
    handle.replace(/^./, '-'),
    handle.replace(/.{2}$/, '\x00\xff'),
  ].filter((text) => text !== handle)
  for (const text of malformed) t.is(find(exchanges, Buffer.from(text, 'latin1')), MALFORMED, text)
  const others = [
    '0'.repeat(38),
    'f'.repeat(38),
    `ffffff${handle.slice(6)}`,
    `000001${handle.slice(6)}`,
    `000002${handle.slice(6)}`,
  ]
  for (const text of others) t.is(find(exchanges, Buffer.from(text)), NOT_OPEN, text)
  for (let at = 6; at < 38; at++) {
    const digit = handle[at] === '0' ? '1' : '0'
    const text = `${handle.slice(0, at)}${digit}${handle.slice(at + 1)}`
    t.is(find(exchanges, Buffer.from(text)), NOT_OPEN, text)
  }
  t.is(find(exchanges, Buffer.from(handle)), 0)
})

test('no torn reads while another thread opens and closes', async (t) => {
  const memory = exchangeMemory(1)
  const room = new URL('../../src/', import.meta.url).href
  const script = `
    import { parentPort, workerData } from 'node:worker_threads'
    import { KnownCaller } from '${room}proxy/known-callers.ts'
    import { OpenExchanges } from '${room}proxy/open-exchanges.ts'
    import { HeadWriter } from '${room}wire/head-writer.ts'
    const exchanges = new OpenExchanges({ memory: workerData, from: 0, to: 1 })
    const out = new HeadWriter()
    for (let i = 0; i < 200_000; i++) {
      const letter = 'ab'[i % 2]
      const caller = new KnownCaller({ kind: 'client', name: letter.repeat(200) })
      const bytes = Buffer.from('/' + letter.repeat(7000))
      const place = { bytes, start: 0, end: bytes.length, method: i % 2, invoked: false }
      const slot = exchanges.begin({ caller, tenant: letter.repeat(100), ...place })
      if (i % 50 === 0) {
        out.begin()
        exchanges.writeHandle(slot, out)
        parentPort.postMessage({ handle: Buffer.from(out.copy()).toString(), letter })
      }
      exchanges.close(slot)
    }`
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`)
  const worker = new Worker(url, { workerData: memory })
  const exchanges = new OpenExchanges({ memory, from: 0, to: 0 })
  let [looked, torn] = [0, 0]
  worker.on('message', ({ handle, letter }: { handle: string; letter: string }) => {
    const bytes = Buffer.from(handle)
    for (let i = 0; i < 20; i++) {
      const slot = exchanges.find(bytes, 0, bytes.length)
      if (slot < 0) continue
      const target = `/${letter.repeat(7000)}`
      const same = isTarget(exchanges, slot, target)
      const tenant = exchanges.isTenant(slot, Buffer.from(letter.repeat(100)), 0, 100)
      const name = exchanges.callerName(slot)
      looked++
      // What was read holds only if it is the same exchange still: then all of it is of this letter.
      const whole = same && tenant && name === `client/${letter.repeat(200)}`
      if (exchanges.stillOpen(slot) && !whole) torn++
    }
  })
  const [code] = await once(worker, 'exit')
  t.is(code, 0)
  t.is(torn, 0)
  t.log(`${looked} reads while it was open`)
})
