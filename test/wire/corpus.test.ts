import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'ava'
import { FRAMING } from '../corpus/framing.ts'
import { HEADERS } from '../corpus/headers.ts'
import { TARGETS } from '../corpus/targets.ts'
import type { Trick } from '../corpus/trick.ts'
import {
  type ListenerName,
  MODULE,
  openRealListener,
  type RealListener,
} from '../support/listeners.ts'
import { settled } from '../support/memory-socket.ts'
import { talk } from '../support/relay.ts'
import { startWitness, type Witness } from '../support/witness.ts'

const NAMES: readonly ListenerName[] = ['ingress', 'okapi', 'egress', 'modules', 'public']
const TRICKS = [...FRAMING, ...TARGETS, ...HEADERS]
const REFUSED = new Set(['400', '414', '431', '505'])

/** The statuses that a caller was answered with. */
function statuses(answer: string): string[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!)
}

/** Sends a trick in one piece or several, and says what is wrong with what became of it. */
async function played(
  listener: RealListener,
  witness: Witness,
  trick: Trick,
  parts: readonly string[],
): Promise<string | null> {
  const before = witness.connections.length
  const seen = witness.connections.map(({ bytes }) => bytes.length)
  const requests = () =>
    witness.connections.reduce((sum, { requests: { length } }) => sum + length, 0)
  const had = requests()
  const answers = statuses(await talk(listener.port, parts))
  const came = requests() - had
  const all = witness.connections.map(({ bytes }, i) => bytes.slice(seen[i] ?? 0)).join('')
  if (
    witness.connections.some(({ requests: lines }) =>
      lines.some((line) => line.includes('smuggled')),
    )
  )
    return 'the smuggled request was read'
  if (trick.becomes === 'refused') {
    if (all !== '') return `the upstream saw ${JSON.stringify(all.slice(0, 60))}`
    if (answers.length !== 1 || !REFUSED.has(answers[0]!)) return `answered ${answers}`
  } else if (trick.becomes === 'crosses') {
    if (came !== 1) return `the upstream read ${came} requests`
    if (answers.join() !== '200') return `answered ${answers}`
  } else {
    if (came > 1) return `the upstream read ${came} requests`
    if (answers.join() !== '400') return `answered ${answers}`
    const used = witness.connections
      .slice(Math.max(0, before - 1))
      .filter(({ whole }) => whole === 0)
    while (used.some(({ socket }) => !socket.destroyed)) await settled()
    if (listener.pool.exchanges !== 0) return 'the exchange is still there'
  }
  return null
}

/** In one piece, and cut where it hurts. */
function* pieces(bytes: string): Generator<string[]> {
  yield [bytes]
  const headEnd = bytes.indexOf('\r\n\r\n') + 4
  yield [bytes.slice(0, headEnd), bytes.slice(headEnd)]
  yield [
    bytes.slice(0, headEnd - 1),
    bytes.slice(headEnd - 1, headEnd + 3),
    bytes.slice(headEnd + 3),
  ]
}

for (const name of NAMES) {
  test(`at the listener ${name} no trick gets through`, async (t) => {
    const witness = await startWitness()
    const listener = await openRealListener(name, witness.port)
    const prefix = name === 'modules' ? `/${MODULE}` : ''
    for (const trick of TRICKS) {
      const bytes = trick.bytes.replaceAll('{P}', prefix)
      for (const parts of pieces(bytes)) {
        const wrong = await played(
          listener,
          witness,
          trick,
          parts.filter((part) => part !== ''),
        )
        t.is(wrong, null, `${trick.what} (${trick.kin})`)
      }
    }
    await listener.close()
    await witness.close()
  })
}

test('after a body that broke, the next request goes over a connection of its own', async (t) => {
  const witness = await startWitness()
  const listener = await openRealListener('okapi', witness.port)
  const good = 'GET /good HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  const broken = 'POST /broken HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'
  await talk(listener.port, [good])
  const caller = connect(listener.port, '127.0.0.1')
  caller.on('error', () => {})
  caller.write(broken)
  while (witness.connections[0]!.requests.length < 2) await settled()
  caller.end('cdeX')
  caller.resume()
  await once(caller, 'close')
  await talk(listener.port, [good])
  t.deepEqual(
    witness.connections.map(({ requests, whole }) => [requests, whole]),
    [
      [['GET /good', 'POST /broken'], 1],
      [['GET /good'], 1],
    ],
  )
  while (!witness.connections[0]!.socket.destroyed) await settled()
  t.false(witness.connections[1]!.socket.destroyed)
  t.is(listener.told.length, 3, 'each exchange is told once')
  await listener.close()
  await witness.close()
})
