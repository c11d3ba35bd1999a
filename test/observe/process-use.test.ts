import test from 'ava'
import { Registry } from 'prom-client'
import { statusText } from '../../src/cli/status/one.ts'
import { ProcessUse, processSeries } from '../../src/observe/process-use.ts'
import { statusPage } from '../../src/observe/status/page.ts'
import { busyFacts } from '../support/status.ts'

test('the CPU is that of the last ten seconds, not of the whole life', (t) => {
  const spent = { user: 5_000_000, system: 0 }
  const use = new ProcessUse(() => ({ ...spent }))
  t.is(use.seen.cpuPercent, null)
  use.tick(1000)
  t.is(use.seen.cpuPercent, null)
  spent.user += 9_000_000
  spent.system += 1_000_000
  use.tick(6000)
  t.is(use.seen.cpuPercent, null, 'ten seconds are not over')
  use.tick(11_000)
  t.is(use.seen.cpuPercent, 100)
  spent.user += 25_000_000
  use.tick(21_000)
  t.is(use.seen.cpuPercent, 250, 'several threads')
  use.tick(31_000)
  t.is(use.seen.cpuPercent, 0)
  t.true(use.seen.residentBytes > 1_000_000)
})

test('terminal and page say it', (t) => {
  const facts = busyFacts({ process: { cpuPercent: 99, residentBytes: 84_300_000 } })
  const words = '84 MB of memory, 99 % of a CPU in the last ten seconds'
  t.true(statusText(facts).includes(`\nprocess      ${words}\n`), statusText(facts))
  t.true(statusPage(facts).includes(`<dt>Process</dt><dd>${words}</dd>`))
})

test('/metrics has it under the names that dashboards know', async (t) => {
  const registry = new Registry()
  processSeries(registry, { version: '1.2.3', startedMs: 1_800_000_000_000 })
  const text = await registry.metrics()
  t.regex(text, /^# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 0?\.?\d/m)
  t.regex(text, /^sidecar_build_info\{version="1\.2\.3"\} 1$/m)
  t.regex(text, /^process_resident_memory_bytes \d{7,}$/m)
  t.regex(text, /^process_start_time_seconds 1800000000$/m)
})
