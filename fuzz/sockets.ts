import { connect } from 'node:net'
import fc from 'fast-check'
import { openRealListener } from '../test/support/listeners.ts'
import { settled } from '../test/support/memory-socket.ts'
import { fractions, goodRequests, mutated, placed } from '../test/support/messages.ts'
import { startWitness, type Witness } from '../test/support/witness.ts'

/** One caller on a real socket. */
interface Player {
  readonly messages: readonly string[]
  /** Broken messages behind the good ones: nothing is known of their answers. */
  readonly broken: string
  readonly cuts: readonly number[]
  /** Behind which part it resets its connection; beyond the last one it ends well. */
  readonly leaves: number
}

/** Callers that talk at the same time. */
export type Scene = readonly Player[]

export const scenes: fc.Arbitrary<Scene> = fc.array(
  fc.record({
    messages: fc.array(goodRequests, { minLength: 1, maxLength: 4 }),
    broken: fc.oneof(fc.constant(''), mutated(goodRequests)),
    cuts: fc.array(fractions, { maxLength: 4 }),
    leaves: fc.nat(12),
  }),
  { minLength: 1, maxLength: 6 },
)

/** Plays a scene through a listener on real sockets. Returns what must never be, or null. */
export async function overSockets(scene: Scene): Promise<string | null> {
  const witness = await startWitness()
  const listener = await openRealListener('okapi', witness.port)
  try {
    const answered = await Promise.all(scene.map((player) => play(listener.port, player)))
    const forwarded = requestsOf(witness)
    const begun = listener.policy.asked.length
    if (forwarded > begun) return `${forwarded} requests upstream for ${begun} that were allowed`
    for (const [i, { messages, leaves, cuts }] of scene.entries()) {
      if (leaves > cuts.length && answered[i]! < messages.length)
        return `caller ${i} got ${answered[i]} answers to ${messages.length} requests`
    }
    while (listener.pool.exchanges > 0) await settled()
    return null
  } finally {
    await listener.close()
    await witness.close()
  }
}

function requestsOf({ connections }: Witness): number {
  return connections.reduce((sum, { requests }) => sum + requests.length, 0)
}

/** Sends the parts, leaves when it is time, and counts the answers. */
async function play(port: number, player: Player): Promise<number> {
  const { messages, broken, cuts, leaves } = player
  const text = messages.join('') + broken
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1')
  })
  // Not `once`: it rejects where a connection is reset, as those with broken messages may be.
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.on('end', () => socket.end())
  const places = [0, ...placed(text, cuts).sort((a, b) => a - b), text.length]
  for (let i = 1; i < places.length && !socket.destroyed; i++) {
    if (i > leaves) {
      socket.resetAndDestroy()
      break
    }
    if (socket.writable) socket.write(text.slice(places[i - 1], places[i]), 'latin1')
    await settled()
  }
  if (!socket.destroyed) socket.end()
  await closed
  return answer.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0
}
