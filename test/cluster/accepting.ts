import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyInstallation } from '../helm/matrix.ts'
import { MATRIX, renderMany } from '../helm/render.ts'
import { KUBERNETES } from './programs.ts'
import { measured, real, theInstallation } from './set-up.ts'

const DRY = 'dry'
const AT_ONCE = 16

test('the API server accepts every object of every installation', real, async () => {
  const { cluster } = theInstallation()
  await cluster.addNamespace(DRY, 'privileged')
  await cluster.defineResources()
  const installations = { ...everyInstallation(), ...MATRIX }
  const rendered = await renderMany(installations, KUBERNETES)
  const names = Object.keys(rendered)
  assert.equal(names.length, Object.keys(installations).length)
  let objects = 0
  // Each start of kubectl asks for all that the API server knows.
  for (let i = 0; i < names.length; i += AT_ONCE) {
    const some = names.slice(i, i + AT_ONCE)
    // Notes stand among the documents.
    const documents = some.flatMap((name) => {
      return rendered[name]!.split(/^---\n/m).filter((one) => /^kind:/m.test(one))
    })
    // As helm 3 writes it, and as helm 4 does, where a list may not have two of one name.
    for (const how of [[], ['--server-side']]) {
      const said = await cluster.dryRun(documents.join('---\n'), '-n', DRY, ...how)
      assert.equal(said.code, 0, `${some.join('; ')}: ${said.err}`)
      const accepted = said.out.match(/ \(server dry run\)$/gm) ?? []
      assert.equal(accepted.length, documents.length, said.out)
      const warnings = said.err.split('\n').filter((line) => line.startsWith('Warning'))
      assert.deepEqual(
        warnings.filter((line) => !/PodSecurity/.test(line)),
        [],
        some.join('; '),
      )
    }
    objects += documents.length
  }
  measured(`${objects} objects of ${names.length} installations accepted`)
})

test('and refuses one with a key that there is not', real, async () => {
  const { cluster } = theInstallation()
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
