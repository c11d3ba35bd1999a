import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Metrics } from '../../src/observe/metrics.ts'
import { OWN, SharedTallies, sharedCells } from '../../src/observe/tallies.ts'

const LISTENERS = ['ingress', 'egress'] as const

test('with all cells one reader gets the sum of several counters', async (t) => {
  const cells = [sharedCells(), sharedCells(), sharedCells()]
  const main = new Metrics(LISTENERS, new SharedTallies(cells))
  const others = cells.slice(1).map((each) => new Metrics(LISTENERS, new SharedTallies([each])))
  for (const [i, metrics] of others.entries()) {
    for (let n = 0; n <= i; n++) {
      metrics.requestEnded('egress', 200, 3)
      metrics.refused('ingress', 'admin-route')
      metrics.limitHit('exchanges')
    }
  }
  main.reloaded('ok')
  const text = await main.text()
  for (const line of [
    'sidecar_requests_total{direction="egress",status_class="2xx"} 3',
    'sidecar_requests_total{direction="ingress",status_class="2xx"} 0',
    'sidecar_refusals_total{direction="ingress",reason="admin-route"} 3',
    'sidecar_limits_hit_total{limit="exchanges"} 3',
    'sidecar_credentials_reload_total{result="ok"} 1',
    'sidecar_request_duration_seconds_count{direction="egress"} 3',
    'sidecar_request_duration_seconds_sum{direction="egress"} 0.009',
    'sidecar_request_duration_seconds_bucket{le="0.004",direction="egress"} 3',
    'sidecar_request_duration_seconds_bucket{le="0.002",direction="egress"} 0',
  ]) {
    t.true(text.split('\n').includes(line), line)
  }
  t.is(main.exchanges, 0)
  t.deepEqual(
    others.map(({ exchanges }) => exchanges),
    [1, 2],
  )
})

test('what another thread writes is read here', async (t) => {
  const cells = sharedCells()
  const [here] = new SharedTallies([cells]).take(3)
  const script = `const { workerData } = require('node:worker_threads')
    new Float64Array(workerData, 0, 3)[2] += 5`
  await once(new Worker(script, { eval: true, workerData: cells }), 'exit')
  t.deepEqual([...here!], [0, 0, 5])
})

test('the same cells cannot be taken twice, nor more than there are', (t) => {
  const shared = new SharedTallies([sharedCells()])
  const [first, second] = [shared.take(2)[0]!, shared.take(2)[0]!]
  first.fill(1)
  t.deepEqual([...second], [0, 0])
  t.throws(() => shared.take(100_000), { message: /do not fit/ })
})

test('one thread alone has cells of its own, and no others', (t) => {
  const taken = OWN.take(4)
  t.is(taken.length, 1)
  t.true(taken[0]!.buffer instanceof ArrayBuffer)
})
