import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyInstallation } from '../helm/matrix.ts'
import { MATRIX, renderMany } from '../helm/render.ts'
import { namespace } from './modules.ts'
import { definitionPaths, KUBERNETES } from './programs.ts'
import { measured, real, theTown } from './set-up.ts'
import { until } from './until.ts'

const DRY = 'dry'

test('the API server accepts every object of every installation', real, async () => {
  const { cluster } = theTown()
  await cluster.apply(namespace(DRY, 'privileged'))
  const definitions = definitionPaths()
  for (const file of definitions) {
    await cluster.must('apply', '--server-side', '-f', file)
  }
  await until('the kinds of operators are known', async () => {
    const { out } = await cluster.kubectl('api-resources', '-o', 'name')
    const kinds = [
      'certificates.',
      'certificaterequestpolicies.',
      'podmonitors.',
      'prometheusrules.',
    ]
    return kinds.every((kind) => out.includes(kind))
  })
  const installations = { ...everyInstallation(), ...MATRIX }
  const rendered = await renderMany(installations, KUBERNETES)
  const names = Object.keys(rendered)
  assert.equal(names.length, Object.keys(installations).length)
  let objects = 0
  for (const name of names) {
    // Notes stand among the documents.
    const documents = rendered[name]!.split(/^---\n/m).filter((one) => /^kind:/m.test(one))
    const said = await cluster.dryRun(documents.join('---\n'), '-n', DRY)
    assert.equal(said.code, 0, `${name}: ${said.err}`)
    const accepted = said.out.match(/ \(server dry run\)$/gm) ?? []
    assert.equal(accepted.length, documents.length, `${name}: ${said.out}`)
    const warnings = said.err.split('\n').filter((line) => line.startsWith('Warning'))
    assert.deepEqual(
      warnings.filter((line) => !/PodSecurity/.test(line)),
      [],
      name,
    )
    objects += documents.length
  }
  measured(`${objects} objects of ${names.length} installations accepted`)
})

test('and refuses one with a key that there is not', real, async () => {
  const { cluster } = theTown()
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'x' },
    spec: { clusterIP: 'None', ports: [{ port: 1, targetport: 2 }] },
  }
  const { code, err } = await cluster.dryRun(JSON.stringify(service), '-n', DRY)
  assert.notEqual(code, 0)
  assert.match(err, /unknown field "spec.ports\[0\].targetport"/)
})
