import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { MAIN } from '../support/program.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'
import { CHART, PLACE, type Thing } from './render.ts'

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

const SET = join(import.meta.dirname, '../fixtures/descriptors')
const withHelm = withTool('helm')

withHelm(
  'the chart takes the values that init writes, and the sidecar what comes of it',
  async (t) => {
    const out = join(PLACE, 'folio')
    const source = ['--descriptors', SET, '--operator', 'anna', '--for', 'helm', '--out', out]
    const made = await runTool(process.execPath, [MAIN, 'init', ...source, '--yes'])
    t.is(made.code, 0, made.err)
    const names = readdirSync(join(out, 'values'))
    t.true(names.length > 5)
    for (const name of names) {
      const id = name.slice(0, -'.yaml'.length)
      const packed = `policy.packed=${join(out, 'policy', `${id}.json`)}`
      const values = ['-f', join(out, 'values', name), '--set-file', packed]
      const chart = ['template', 'rel', CHART, '--kube-version', '1.32.0']
      const rendered = await runTool('helm', [...chart, ...values])
      t.is(rendered.code, 0, rendered.err)
      const things: Thing[] = parseAllDocuments(rendered.out).map((one) => one.toJS())
      const text = things.find((thing) => thing?.data?.['sidecar.yaml'])?.data?.['sidecar.yaml']
      const file = join(PLACE, `${id}.yaml`)
      writeFileSync(file, text ?? '', { mode: 0o600 })
      const { config } = loadConfig(file, {})
      t.is(config.module.id, id)
      t.is(config.policy.grants.inline.length, 2)
    }
  },
)
