import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Values } from '../helm/render.ts'
import { HELM_4 } from '../helm/tools.ts'
import { deploymentOf, NAMESPACE, OKAPI, productOf, valuesOf } from './modules.ts'
import { noneIsLost, realWithBothHelms, theInstallation } from './set-up.ts'

// helm 4 after helm 3, and before it. It merges on the server (server-side apply), which knows who wrote each field.

const TAGS = 'mod-tags-3.1.0'
const NAME = productOf(TAGS)
const DEPLOYMENT = `deploy/${deploymentOf(TAGS)}`

const both = realWithBothHelms()

/** `upgrade --install` of mod-tags by helm 4, with another level of the log: its pod is another one then. */
function upgrade(level: string, more: Values = {}, ...flags: readonly string[]) {
  const values = valuesOf(TAGS)
  const config = { ...(values['config'] as object), log: { level } }
  const all = { ...values, ...more, config }
  return theInstallation().upgrade(HELM_4, NAMESPACE, TAGS, all, ...flags)
}

/** Another command of helm 4 that has to end well; resolves to what it wrote. */
async function must(...args: readonly string[]): Promise<string> {
  const installation = theInstallation()
  const { code, out, err } = await installation.cluster.client(HELM_4, ['-n', NAMESPACE, ...args])
  assert.equal(code, 0, `helm ${args.join(' ')}: ${out}${err}`)
  return out
}

function endsWell({ code, out, err }: Awaited<ReturnType<typeof upgrade>>): void {
  assert.equal(code, 0, out + err)
}

interface Deployment {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>
    readonly managedFields: readonly {
      readonly manager: string
      readonly operation: string
      readonly subresource?: string
    }[]
  }
  readonly spec: {
    readonly replicas: number
    readonly template: { readonly metadata: { annotations: Readonly<Record<string, string>> } }
  }
}

function deployment(): Promise<Deployment> {
  const how = ['-n', NAMESPACE, DEPLOYMENT, '--show-managed-fields']
  return theInstallation().cluster.get<Deployment>(...how)
}

/** How helm writes into the Deployment: `Update` by itself, `Apply` on the server. */
async function operations(): Promise<string[]> {
  const { managedFields } = (await deployment()).metadata
  return managedFields.filter(({ manager }) => manager === 'helm').map(({ operation }) => operation)
}

test('helm 4 upgrades a release of helm 3 and rolls it back: no call is lost', both, async () => {
  const installation = theInstallation()
  assert.deepEqual(await operations(), ['Update'])
  const said = await installation.callsWhile(OKAPI, '/tags', async () => {
    endsWell(await upgrade('debug'))
    await installation.ready(TAGS)
    // It goes on as the release began, until it is told otherwise.
    assert.deepEqual(await operations(), ['Update'])
    assert.match(await must('test', NAME, '--logs'), /0 got through/)
    await must('rollback', NAME, '1')
    await installation.ready(TAGS)
  })
  noneIsLost('upgrade and rollback by helm 4', said)
})

test('on the server nothing conflicts with what kubectl and Kubernetes add', both, async () => {
  const installation = theInstallation()
  await installation.kubectl('label', DEPLOYMENT, 'team=folio')
  await installation.kubectl('rollout', 'restart', DEPLOYMENT)
  await installation.ready(TAGS)
  const said = await installation.callsWhile(OKAPI, '/tags', async () => {
    endsWell(await upgrade('debug', {}, '--server-side=true', '--wait'))
    await installation.ready(TAGS)
  })
  noneIsLost('upgrade on the server', said)
  assert.deepEqual(await operations(), ['Apply'])
  const { metadata, spec } = await deployment()
  assert.equal(metadata.labels['team'], 'folio')
  assert.ok('kubectl.kubernetes.io/restartedAt' in spec.template.metadata.annotations)
})

test('a number of pods that another has set is not written over', both, async () => {
  const installation = theInstallation()
  await installation.kubectl('scale', DEPLOYMENT, '--replicas=2')
  await installation.ready(TAGS)
  const { code, err } = await upgrade('info')
  assert.notEqual(code, 0)
  assert.match(err, /conflict with "kubectl" with subresource "scale".*\.spec\.replicas/s)
  assert.equal((await deployment()).spec.replicas, 2)
  const workload = { ...(valuesOf(TAGS)['workload'] as object), replicas: null }
  endsWell(await upgrade('info', { workload }))
  await installation.ready(TAGS)
  assert.equal((await deployment()).spec.replicas, 2)
  assert.equal((await installation.pods(TAGS)).length, 2)
  // Or helm is told to have its way.
  endsWell(await upgrade('info', {}, '--force-conflicts'))
  await installation.ready(TAGS)
  assert.equal((await deployment()).spec.replicas, 1)
})

test('what helm 4 installs is all removed, or taken back by helm 3', both, async () => {
  const installation = theInstallation()
  const kinds = 'deploy,rs,pods,svc,cm,sa,netpol,pdb,roles,rolebindings'
  const own = () => {
    const label = `okapi-sidecar/product=${NAME}`
    return installation.kubectl('get', kinds, '-l', label, '-o', 'name')
  }
  assert.notEqual(await own(), '')
  await must('uninstall', NAME, '--wait', '--cascade', 'foreground')
  assert.equal(await own(), '')
  endsWell(await upgrade('info', {}, '--wait'))
  // It waits until all is ready.
  assert.equal((await installation.pods(TAGS)).length, 1)
  assert.deepEqual(await operations(), ['Apply'])
  assert.match(await must('test', NAME, '--logs'), /0 got through/)
  assert.match((await installation.helm('list')).out, /mod-tags .*deployed/s)
  await installation.install(TAGS)
  await installation.ready(TAGS)
  const { wrong } = await installation.calls(OKAPI, '/tags', 2000)
  assert.deepEqual(wrong, [])
})
