import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import test from 'ava'
import { readGeneration } from '../../src/credentials/check-generation.ts'
import type { Generation } from '../../src/credentials/generation.ts'
import { type Handed, HandedCredentials, handOver } from '../../src/credentials/handed.ts'
import type { RawMaterial } from '../../src/credentials/raw-material.ts'
import { makeCa, moduleNames } from '../support/pki.ts'

const expected = { module: 'mod-users-19.7.0', trustDomain: 'folio.test' }

async function found(number: number, days?: number): Promise<[RawMaterial, Generation]> {
  const ca = await makeCa(undefined, 'root1')
  const leaf = await ca.issue({ ...moduleNames(expected.module), ...(days && { days }) })
  const file = (name: string, text: string) => {
    return { bytes: Buffer.from(text), path: `/certs/${name}`, mode: 0o600 }
  }
  const raw = {
    key: file('tls.key', leaf.keyPem),
    cert: file('tls.crt', leaf.chainPem),
    ca: file('ca.crt', ca.certPem),
    crl: file('ca.crl', await ca.crl([])),
  }
  return [raw, readGeneration(raw, { ...expected, now: Date.now(), number })]
}

/** As it arrives in another thread. */
function sent(handed: Handed): Handed {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(handed)
  const { message } = receiveMessageOnPort(port2)!
  port1.close()
  return message
}

test('the same generation there as here: number, key, trust, lists', async (t) => {
  const [raw, generation] = await found(7)
  const byAgent = { ...raw, byAgent: true as const }
  const { current } = new HandedCredentials(expected, sent(handOver(byAgent, generation)))
  t.true(current.byAgent)
  t.is(current.number, 7)
  t.is(current.contentHash, generation.contentHash)
  t.is(current.keyPem, generation.keyPem)
  t.is(current.certPem, generation.certPem)
  t.deepEqual(current.caPems, generation.caPems)
  t.deepEqual(current.crlPems, generation.crlPems)
})

test('the next one is swapped in as a whole, and subscribers hear of both', async (t) => {
  const first = await found(1)
  const second = await found(2)
  const credentials = new HandedCredentials(expected, sent(handOver(...first)))
  const heard: number[][] = []
  const stop = credentials.subscribe((next, previous) => {
    heard.push([previous.number, next.number, credentials.current.number])
  })
  credentials.take(sent(handOver(...second)))
  stop()
  credentials.take(sent(handOver(...first)))
  t.deepEqual(heard, [[1, 2, 2]])
})

test('material is judged as of the first check: what expires on the way does not end the thread', async (t) => {
  const [raw, generation] = await found(1, 1)
  const later = { ...handOver(raw, generation), loadedAt: generation.notAfter - 1 }
  t.notThrows(() => new HandedCredentials(expected, sent(later)))
  const ended = { ...later, loadedAt: generation.notAfter + 1000 }
  t.throws(() => new HandedCredentials(expected, sent(ended)))
})

test('material that differs from what was checked is not taken, and the last good one stays', async (t) => {
  const [raw, generation] = await found(1)
  const [other] = await found(2)
  const credentials = new HandedCredentials(expected, sent(handOver(raw, generation)))
  const swapped = { ...handOver(raw, generation), number: 2, raw: handOver(other, generation).raw }
  t.throws(() => credentials.take(sent(swapped)), { message: /another one here/ })
  t.is(credentials.current.number, 1)
})

test('a list that was kept because an older one came is handed over in its place', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const [raw, first] = await found(1)
  const older = await ca.crl([], { number: 0 })
  const next = { ...raw, crl: { ...raw.crl!, bytes: Buffer.from(older) } }
  const context = { ...expected, now: Date.now(), number: 2, knownCrls: first.crls }
  const generation = readGeneration(next, context)
  t.true(generation.crlsKept)
  const { current } = new HandedCredentials(expected, sent(handOver(next, generation)))
  t.deepEqual(current.crlPems, first.crlPems)
})

test('only the bytes of the files are handed over, not those beside them in memory', async (t) => {
  const [raw, generation] = await found(1)
  const beside = Buffer.concat([Buffer.from('a secret of another file'), raw.key.bytes])
  const within = beside.subarray(beside.length - raw.key.bytes.length)
  const handed = handOver({ ...raw, key: { ...raw.key, bytes: within } }, generation)
  const { bytes } = sent(handed).raw.key
  t.is(bytes.buffer.byteLength, raw.key.bytes.length)
})
