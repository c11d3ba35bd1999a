import test from 'ava'
import { type BrokerPlace, Brokers, type NamedBroker } from '../../src/kafka/brokers.ts'

interface Told {
  readonly opened: [number, number][]
  readonly without: [number, string][]
  readonly moved: [number, BrokerPlace | undefined][]
}

function brokersIn(from: number, to: number, inUse: readonly number[] = []) {
  const told: Told = { opened: [], without: [], moved: [] }
  const brokers = new Brokers({
    range: { host: '127.0.0.1', from, to },
    open: async (nodeId, port) => {
      if (inUse.includes(port)) throw new Error(`${port} is in use`)
      told.opened.push([nodeId, port])
      return port === 0 ? 50_000 + nodeId : port
    },
    noPort: ({ nodeId }, why) => told.without.push([nodeId, why]),
    moved: ({ nodeId }, _, before) => told.moved.push([nodeId, before]),
  })
  return { brokers, told }
}

const broker = (nodeId: number, host = `kafka-${nodeId}`, port = 9093): NamedBroker => {
  return { nodeId, host, port }
}

test('a broker has the port of its node id, the same whichever is known first', async (t) => {
  for (const ids of [
    [0, 1, 2],
    [2, 0, 1],
  ]) {
    const { brokers } = brokersIn(19_092, 19_191)
    for (const id of ids) await brokers.learn([broker(id)])
    t.deepEqual(
      [0, 1, 2].map((id) => brokers.localOf(id)?.port),
      [19_092, 19_093, 19_094],
    )
    t.deepEqual(brokers.localOf(1), { host: '127.0.0.1', port: 19_093 })
  }
})

test('large node ids, two with one port, and a port that is in use, go to the next', async (t) => {
  const { brokers, told } = brokersIn(100, 109, [103])
  await brokers.learn([broker(1001), broker(11), broker(3)])
  t.deepEqual(told.opened.toSorted(), [
    [1001, 101],
    [11, 102],
    [3, 104],
  ])
  t.deepEqual(brokers.placeOf(1001), { host: 'kafka-1001', port: 9093 })
})

test('a broker that is known needs nothing; asked twice at once it is opened once', async (t) => {
  const { brokers, told } = brokersIn(0, 0)
  await Promise.all([brokers.learn([broker(1)]), brokers.learn([broker(1)])])
  t.is(brokers.learn([broker(1)]), undefined)
  t.deepEqual(told.opened, [[1, 0]])
  t.is(brokers.localOf(1)?.port, 50_001)
})

test('a broker that moves keeps its port', async (t) => {
  const { brokers, told } = brokersIn(100, 109)
  await brokers.learn([broker(1)])
  t.is(brokers.learn([broker(1, 'kafka-1b', 9094)]), undefined)
  t.deepEqual(brokers.placeOf(1), { host: 'kafka-1b', port: 9094 })
  t.is(brokers.localOf(1)?.port, 101)
  t.deepEqual(told.moved, [
    [1, undefined],
    [1, { host: 'kafka-1', port: 9093 }],
  ])
})

test('more brokers than ports: the others have none, and are tried again', async (t) => {
  const { brokers, told } = brokersIn(100, 101)
  await brokers.learn([broker(0), broker(1), broker(2)])
  t.is(brokers.localOf(2), undefined)
  t.deepEqual(told.without, [[2, 'all ports of kafka.brokers are taken']])
  await brokers.learn([broker(2)])
  t.is(told.without.length, 1)
})

test('what is no broker gets no port', async (t) => {
  const { brokers, told } = brokersIn(100, 109)
  for (const none of [broker(-1), broker(1, ''), broker(2, 'a', 0), broker(3, 'a', 65_536)]) {
    t.is(brokers.learn([none]), undefined)
  }
  t.is(brokers.learn([]), undefined)
  t.deepEqual(told.opened, [])
  t.is(brokers.placeOf(1), undefined)
})

test('a broker without a port is logged once, and not again with each answer that names it', async (t) => {
  const { brokers, told } = brokersIn(100, 100)
  for (let i = 0; i < 3; i++) await brokers.learn([broker(1), broker(2), broker(3)])
  t.deepEqual(told.without, [
    [2, 'all ports of kafka.brokers are taken'],
    [3, 'all ports of kafka.brokers are taken'],
  ])
})

test('an answer that names more brokers than any cluster has does not fill the memory', async (t) => {
  const { brokers, told } = brokersIn(100, 109)
  await brokers.learn(Array.from({ length: 10_000 }, (_, i) => broker(i)))
  t.is(told.opened.length, 10)
  t.is(brokers.placeOf(4095)?.host, 'kafka-4095')
  t.is(brokers.placeOf(4096), undefined)
  t.is(brokers.learn([broker(9999)]), undefined)
})
