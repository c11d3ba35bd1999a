import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import type { KafkaCluster } from '../support/kafka-broker.ts'
import { answerOf, apiOf, messageBytes } from '../support/kafka-frames.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'
import { makeCa, type TestCa } from '../support/pki.ts'
import { type Cluster, DatabaseSidecar } from '../support/postgres.ts'
import { errorPacket } from '../support/postgres-packets.ts'
import { typed } from '../support/typed.ts'

// What a server says of itself must not reach the terminal of the person who looks at it.

/** What a terminal takes for its own, in C0 and C1, and what turns text round. */
const TRICK = '\u001b[2J\u009b31m\u202e'
const SEEN = '\\u001b[2J\\u009b31m\\u202e'

async function serving(
  t: ExecutionContext,
  ca: TestCa,
  serve: (socket: TLSSocket) => void,
): Promise<Server> {
  const leaf = await ca.issue({ cn: `rogue${TRICK}`, ip: ['127.0.0.1'] })
  const server = createServer(
    { key: leaf.keyPem, cert: leaf.chainPem, ALPNProtocols: ['postgresql'] },
    (socket) => {
      socket.on('error', () => socket.destroy())
      serve(socket)
    },
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return server
}

test('postgres check prints what the server says as plain text', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const server = await serving(t, ca, (socket) =>
    socket.once('data', () => socket.end(errorPacket('28000', `no${TRICK}`))),
  )
  const { port } = server.address() as AddressInfo
  const direct = { sslNegotiation: 'direct' }
  const sidecar = await DatabaseSidecar.start(t, { ca, port } as Cluster, direct)
  const file = join(sidecar.directory, '..', 'sidecar.json')
  const { stdout } = await typed(['postgres', 'check', '-c', file])
  t.true(stdout.includes(`rogue${SEEN}`) && stdout.includes(`no${SEEN}`), stdout)
  t.regex(stdout, /^[\n -~]+$/)
})

test('kafka check prints what brokers say as plain text', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const answer = {
    ...{ throttleMs: 0, clusterId: 'x', controllerId: 1, topics: [] },
    nodes: [{ nodeId: 1, host: `kafka${TRICK}`, port: 9093, rack: null }],
  }
  const server = await serving(t, ca, (socket) =>
    socket.on('data', (asked) => {
      const api = apiOf(asked.readInt16BE(4), asked.readInt16BE(6))
      if (api.api.name !== 'Metadata') return void socket.destroy()
      const body = messageBytes(api.api.response, api, () => 0.9, answer)
      socket.write(answerOf(api, body, asked.readInt32BE(8)))
    }),
  )
  const { port } = server.address() as AddressInfo
  const nodes = [{ address: `127.0.0.1:${port}` }]
  const cluster = { ca, nodes, allow: async () => {} } as unknown as KafkaCluster
  const sidecar = await KafkaSidecar.start(t, cluster)
  const file = join(sidecar.directory, '..', 'sidecar.json')
  const { stdout } = await typed(['kafka', 'check', '-c', file, '--tenant', 'diku'])
  t.true(stdout.includes(`rogue${SEEN}`) && stdout.includes(`kafka${SEEN}:9093`), stdout)
  t.regex(stdout, /^[\n -~’]+$/)
})
