import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import {
  ask,
  get,
  healthMessage,
  ID,
  Place,
  Sidecar,
  silence,
  verdictOf,
} from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

// Real ModuleDescriptors, where a folder of them is at hand: DESCRIPTORS_DIR=/path/to/descriptors.

const { DESCRIPTORS_DIR: folder = '' } = process.env
const withFolder = folder === '' ? test.serial.skip : test.serial
if (folder === '')
  console.log('skipped: DESCRIPTORS_DIR is not set, no real installation is loaded')

interface Descriptor {
  readonly id: string
  readonly requires?: readonly { readonly id: string }[]
  readonly filters?: readonly unknown[]
  readonly provides?: readonly {
    readonly id: string
    readonly interfaceType?: string
    readonly handlers?: readonly {
      readonly methods?: readonly string[]
      readonly pathPattern?: string
    }[]
  }[]
}

async function descriptors(): Promise<Descriptor[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8'))),
  )
}

withFolder('all of them compile, and Okapi’s sidecar runs with them', async (t) => {
  const place = await Place.make()
  const all = await descriptors()
  t.true(all.length > 1)
  const policy = { descriptors: folder }
  const egress = { modules: { listen: '127.0.0.1:0', address: 'https://127.0.0.1:1' } }
  const ingress = { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' }
  const okapi = await place.sidecar(ID.okapi, {
    policy,
    egress,
    ingress,
    limits: { connectWaitMs: 0 },
  })
  t.teardown(async () => {
    await okapi.stop()
    await place.close()
  })
  // Of every module Okapi's egress knows the routes: what is declared goes on, and no module answers.
  for (const { id, provides = [], filters = [] } of all) {
    if (id.startsWith('okapi-')) continue
    const handler = provides
      .filter(({ interfaceType = 'proxy' }) => interfaceType === 'proxy')
      .flatMap(({ handlers = [] }) => handlers)
      .find(({ methods = [], pathPattern }) => methods.includes('GET') && pathPattern !== undefined)
    if (handler?.pathPattern !== undefined) {
      const path = handler.pathPattern.replaceAll(/\{[^}]*\}/g, 'x').replaceAll('*', '')
      const answered = await ask(
        okapi.port('modules'),
        get(`/${id}${path}`, 'X-Okapi-Tenant: diku'),
      )
      t.is(verdictOf(answered), '502 upstream-unreachable', `${id} ${path}`)
    }
    const health = healthMessage(await silence(okapi.port('modules'), get(`/${id}`)))
    t.is(health, 'Fail: For input string: "0-upstream-unreachable"', id)
    const nowhere = get(`/${id}/no/module/declares/this`, 'X-Okapi-Tenant: diku')
    const undeclared = verdictOf(await ask(okapi.port('modules'), nowhere))
    // Filters may take any path.
    if (filters.length === 0) t.is(undeclared, '403 route-not-declared', id)
  }
})

withFolder('a module’s sidecar runs with them too, and `check` has no error', async (t) => {
  const place = await Place.make()
  t.teardown(() => place.close())
  const module = (await descriptors()).find(({ id }) => id.startsWith('mod-notes-'))
  t.truthy(module)
  const id = module?.id ?? ''
  const settings = await place.configuration(id, {
    policy: { descriptors: folder },
    egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
  })
  const file = await place.file('notes.json', settings)
  const check = await typed(['check', '-c', file])
  t.is(check.code, 0, check.stderr + check.stdout)
  const sidecar = await Sidecar.start(id, file)
  t.teardown(() => sidecar.stop())
  const refused = await ask(sidecar.port('egress'), get('/_/proxy/tenants', 'X-Okapi-Tenant: diku'))
  t.is(verdictOf(refused), '403 admin-route')
})
