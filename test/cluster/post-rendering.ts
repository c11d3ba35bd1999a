import assert from 'node:assert/strict'
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CHART } from '../helm/render.ts'
import { HELM_4 } from '../helm/tools.ts'
import { PLACE } from '../pod/podman.ts'
import { type Pod, readinessOf } from './cluster.ts'
import { MODULE_IMAGE } from './images.ts'
import type { Installation } from './installation.ts'
import { moduleArgs, NAMESPACE, OKAPI, productOf, valuesOf } from './modules.ts'
import { outsider, reach } from './outsiders.ts'
import { KUBERNETES } from './programs.ts'
import { realWith, realWithBothHelms, theInstallation } from './set-up.ts'
import { PATIENCE, until } from './until.ts'

const TAGS = 'mod-tags-3.1.0'
const NAME = productOf(TAGS)
/** Of the sidecar: the chart of the module already has a Service of the module's name. */
const SIDECAR = `${NAME}-sidecar`
const SLOW_MS = 10_000
const FOLDER = join(PLACE, 'post-render')

/**
 * A chart of a module as folio-helm-v2 has them: a named port, a Service that leads to it, an account of its own, the
 * password of the database in a Secret, no probes. It runs in a `restricted` namespace with the `securityContext` that its values
 * take.
 */
function folioChart(): string {
  const chart = join(PLACE, 'folio-helm-v2-mod-tags')
  mkdirSync(join(chart, 'templates'), { recursive: true })
  const about = { apiVersion: 'v2', name: NAME, version: '2.1.56' }
  writeFileSync(join(chart, 'Chart.yaml'), JSON.stringify(about))
  const labels = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/instance': NAME }
  const metadata = { name: NAME, labels }
  const container = {
    name: NAME,
    image: MODULE_IMAGE,
    // It listens for all, as RMB does, and late.
    args: moduleArgs(TAGS, { host: '::', startMs: SLOW_MS }),
    securityContext: { runAsUser: 1000, runAsNonRoot: true },
    env: [{ name: 'JAVA_OPTIONS', value: '-XX:MaxRAMPercentage=75.0' }],
    envFrom: [{ secretRef: { name: `${NAME}-db` } }],
    ports: [{ name: 'http', containerPort: 8081, protocol: 'TCP' }],
    volumeMounts: null,
  }
  const spec = { serviceAccountName: NAME, containers: [container], volumes: null }
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `${NAME}-db` },
      stringData: { DB_HOST: 'postgres' },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    },
  ]
  const text = objects.map((one) => JSON.stringify(one)).join('\n---\n')
  writeFileSync(join(chart, 'templates/application.yaml'), text)
  return chart
}

/** A folder as deploy/folio-helm-v2, with the patch of the sidecar in it, as docs/kubernetes.md tells. */
async function patchFolder(installation: Installation, values: string): Promise<void> {
  cpSync(join(CHART, '../../deploy/folio-helm-v2'), FOLDER, { recursive: true })
  const patch = await installation.helm(
    ...['template', SIDECAR, CHART, '-f', values, '--set', `patch.deployment=${NAME}`],
    ...['--kube-version', KUBERNETES, '--show-only', 'templates/patch.yaml'],
  )
  assert.equal(patch.code, 0, patch.err)
  writeFileSync(join(FOLDER, 'sidecar.yaml'), patch.out)
  chmodSync(join(FOLDER, 'post-render'), 0o755)
}

/** helm with the folder's post-renderer: helm 3 takes a script, helm 4 the name of a plugin. */
async function helmWith({ cluster }: Installation, helm: 3 | 4) {
  const data = ['-u', 'HELM_PLUGINS', `HELM_DATA_HOME=${join(PLACE, 'data-of-helm')}`]
  const command = [...data, helm === 4 ? HELM_4 : 'helm', '-n', NAMESPACE]
  const run = (...args: string[]) => cluster.client('env', [...command, ...args])
  if (helm === 3) {
    return (...args: string[]) => run(...args, '--post-renderer', join(FOLDER, 'post-render'))
  }
  const { code, err } = await run('plugin', 'install', FOLDER)
  assert.equal(code, 0, err)
  return (...args: string[]) => run(...args, '--post-renderer', 'okapi-sidecar')
}

/** The pod of the chart, and when it was ready for the last time; milliseconds. */
async function readyPod({ cluster }: Installation) {
  const labels = ['-l', `app.kubernetes.io/name=${NAME}`, '--field-selector=status.phase=Running']
  const { items } = await cluster.get<{ items: Pod[] }>('-n', NAMESPACE, 'pods', ...labels)
  // What was there before may not have ended yet.
  const pod = items.find(({ metadata }) => metadata.deletionTimestamp === undefined)!
  const at = Date.parse(readinessOf(pod)?.lastTransitionTime ?? '')
  return { name: pod.metadata.name, address: pod.status.podIP, readyAt: at }
}

const withPolicies = realWith(['netpol'], 'iptables', 'ip6tables', 'ipset', 'kubectl')
const withBoth = 'skip' in withPolicies ? withPolicies : realWithBothHelms()

test(
  'a chart as those of folio-helm-v2 gets its sidecar by post-render',
  withPolicies,
  async () => {
    const installation = theInstallation()
    const { cluster } = installation
    await cluster.apply(outsider('caller', NAMESPACE))
    const { workload: _, ...about } = valuesOf(TAGS)
    const values = join(PLACE, 'values-post-rendered.json')
    writeFileSync(values, JSON.stringify({ ...about, policy: { packed: installation.packed } }))
    await installation.helm('uninstall', NAME, '--wait')
    // As the docs have it, for every module.
    for (const id of ['mod-users-19.7.0', 'mod-notes-8.1.0']) {
      await installation.install(id, { service: { name: `${productOf(id)}-sidecar` } })
    }
    const address = 'https://{product}-sidecar:8443'
    const { config } = valuesOf(OKAPI) as { config: object }
    await installation.install(OKAPI, { config: { ...config, egress: { modules: { address } } } })
    await patchFolder(installation, values)
    const major = process.env['CHART_HELM'] === '4' ? 4 : 3
    const rendered = await helmWith(installation, major)
    for (const { code, out, err } of [
      await rendered('upgrade', '--install', NAME, folioChart()),
      await installation.helm(
        ...['upgrade', '--install', SIDECAR, CHART, '-f', values],
        ...['--set', `service.name=${SIDECAR}`],
      ),
    ]) {
      assert.equal(code, 0, out + err)
    }
    await installation.ready(OKAPI)
    await installation.kubectl('rollout', 'status', `deploy/${NAME}`, PATIENCE)
    const { name, address: podAddress, readyAt } = await readyPod(installation)
    const log = await installation.kubectl('logs', name, '-c', NAME)
    const { at } = JSON.parse(log.split('\n').find((line) => line.includes('listening')) ?? '{}')
    // Its own chart has no probe. Kubernetes says whole seconds.
    assert.ok(readyAt >= Math.floor(at / 1000) * 1000, `ready at ${readyAt}, listening at ${at}`)
    await installation.crosses(OKAPI, '/tags')
    const { wrong } = await installation.calls(OKAPI, '/tags', 2000)
    assert.deepEqual(wrong, [])
    await installation.kubectl('wait', '--for=condition=Ready', 'pod/caller', PATIENCE)
    for (const [port, wanted] of [
      [8443, true],
      [8081, false],
    ] as const) {
      await until(`${port} is ${wanted ? 'open' : 'closed'}`, async () => {
        const found = await reach(installation, NAMESPACE, 'caller', 'caller', podAddress, port)
        return (found === 'open') === wanted
      })
    }
    const tested = await installation.helm('test', SIDECAR, '--logs')
    assert.equal(tested.code, 0, tested.out + tested.err)
  },
)

test('helm 4 makes the same of it by the plugin', withBoth, async () => {
  const installation = theInstallation()
  const { name } = await readyPod(installation)
  const rendered = await helmWith(installation, 4)
  const { code, out, err } = await rendered('upgrade', NAME, folioChart())
  assert.equal(code, 0, out + err)
  assert.match(out, /REVISION: 2/)
  await installation.kubectl('rollout', 'status', `deploy/${NAME}`, PATIENCE)
  assert.equal((await readyPod(installation)).name, name, 'nothing of the pod has changed')
})
