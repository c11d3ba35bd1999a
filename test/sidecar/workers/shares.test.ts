import test from 'ava'
import { loadConfig } from '../../../src/config/load.ts'
import { LIMITS, type Limit } from '../../../src/refusal/limits.ts'
import { limitsOfOne, withPorts } from '../../../src/sidecar/workers/shares.ts'

function isOfExchanges(name: Limit): name is OfExchanges {
  return !name.startsWith('kafka.') && name !== 'adaptive.tolerance'
}

type OfExchanges = Exclude<Limit, `kafka.${string}` | 'adaptive.tolerance'>

const { config } = loadConfig(undefined, {
  SIDECAR_MODULE: 'okapi-7.2.0',
  SIDECAR_TRUST_DOMAIN: 'folio.test',
  SIDECAR_INGRESS_LISTEN: '0.0.0.0:0',
  SIDECAR_INGRESS_FORWARD: 'http://127.0.0.1:9130',
  SIDECAR_EGRESS_MODULES_LISTEN: '127.0.0.1:0',
  SIDECAR_WORKERS: '3',
})

test('limits of the process are divided and rounded up; those of one exchange are not', (t) => {
  const divided = [
    ...['connections', 'pendingConnections', 'connectionsPerPeer', 'handshakesPerSecond'],
    ...['exchanges', 'exchangesToModule', 'exchangesPerCallee'],
    'brokenOffPerSecond',
    'bufferedBytes',
  ]
  const { limits } = config
  for (const threads of [1, 2, 3, 64]) {
    const share = limitsOfOne(limits, threads)
    t.is(share.adaptive.min, Math.ceil(limits.adaptive.min / threads))
    t.deepEqual(share.kafka, limits.kafka, 'one thread has the whole leg')
    for (const key of LIMITS.filter(isOfExchanges)) {
      const expected = divided.includes(key) ? Math.ceil(limits[key] / threads) : limits[key]
      t.is(share[key], expected, `${key} of ${threads}`)
    }
  }
  const least = limitsOfOne({ ...limits, exchanges: 1 }, 64)
  t.is(least.exchanges, 1)
})

test('a port that the system chose is taken by the other threads; one of the configuration stays', (t) => {
  const same = withPorts(config, { ingress: '[::]:41000', modules: '127.0.0.1:42000' })
  t.deepEqual(same.ingress?.listen, { host: '0.0.0.0', port: 41000 })
  t.deepEqual(same.modules?.listen, { host: '127.0.0.1', from: 42000, to: 42000 })
  const range = { host: '127.0.0.1', from: 20000, to: 20199 }
  const fixed = { ...config, modules: { ...config.modules!, listen: range } }
  t.deepEqual(withPorts(fixed, { modules: '127.0.0.1:20000-20199' }).modules?.listen, range)
})
