import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runTool, withTool } from '../support/scenario/tools.ts'
import { CHART, PLACE } from './render.ts'
import { hasPlugin } from './tools.ts'

const withHelm = withTool('helm')
const plugin = hasPlugin('unittest') ? [] : ['helm unittest (npm run chart-tools)']
const withUnittest = withTool('helm', ...plugin)

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

withUnittest('the chart’s own suites pass', async (t) => {
  const suites = readdirSync(join(CHART, 'tests')).filter((name) => name.endsWith('_test.yaml'))
  const { code, out, err } = await runTool('helm', ['unittest', '--strict', CHART])
  t.is(code, 0, out + err)
  const { passed, all } = /^Test Suites: (?<passed>\d+) passed, (?<all>\d+) total/m.exec(out)!
    .groups!
  t.is(passed, String(suites.length))
  t.is(all, passed, 'none was passed over')
  t.false(/\bskipped\b/.test(out))
})

withHelm('the packaged chart leaves them behind, and keeps the probe', async (t) => {
  const folder = join(PLACE, 'packaged')
  mkdirSync(folder)
  const { code, err } = await runTool('helm', ['package', CHART, '-d', folder])
  t.is(code, 0, err)
  const [file = ''] = readdirSync(folder)
  const { out } = await runTool('tar', ['tzf', join(folder, file)])
  const names = out.trim().split('\n')
  t.true(names.includes('okapi-sidecar/templates/tests/probe.yaml'))
  t.true(names.includes('okapi-sidecar/values.schema.json'))
  t.deepEqual(
    names.filter((name) => name.startsWith('okapi-sidecar/tests')),
    [],
  )
})
