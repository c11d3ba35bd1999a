import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parseAllDocuments, stringify } from 'yaml'
import { runTool, withTool } from '../support/scenario/tools.ts'
import { MODULE, only, PLACE, podSpecs, render, sidecarOf, type Thing } from './render.ts'
import { HELM_4 } from './tools.ts'

// What the library chart of folio-helm-v2 renders for a module, as far as it matters here: a hook for
// sidecars that mounts nothing, a named port `http` and OKAPI_URL from a secret.
const FOLIO: readonly unknown[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'mod-users', labels: { 'app.kubernetes.io/name': 'mod-users' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { 'app.kubernetes.io/name': 'mod-users' } },
      template: {
        metadata: { labels: { 'app.kubernetes.io/name': 'mod-users' } },
        spec: {
          securityContext: {},
          containers: [
            {
              name: 'mod-users',
              image: 'folioorg/mod-users:19.7.0',
              ports: [{ name: 'http', containerPort: 8081 }],
              env: [{ name: 'MODULE_VERSION', value: '19.7.0' }],
              volumeMounts: [{ name: 'config', mountPath: '/etc/config' }],
              // Its port is closed now: kubelet has to ask the sidecar, and a probe may not ask in two ways.
              readinessProbe: { tcpSocket: { port: 'http' }, initialDelaySeconds: 60 },
            },
          ],
          volumes: [{ name: 'config', configMap: { name: 'mod-users' } }],
        },
      },
    },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'mod-users' }, spec: { ports: [] } },
]

const RENDERED = FOLIO.map((each) => stringify(each)).join('---\n')

type Probed = Readonly<
  Record<'startupProbe' | 'readinessProbe' | 'livenessProbe', { readonly httpGet: object }>
>

const withBoth = withTool('helm', 'kubectl')

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

for (const mode of ['native', 'container']) {
  withBoth(`post-rendered, a chart of folio-helm-v2 has the sidecar (${mode})`, async (t) => {
    const folder = join(PLACE, mode)
    mkdirSync(folder)
    cpSync(join(import.meta.dirname, '../../deploy/folio-helm-v2'), folder, { recursive: true })
    const values = { ...MODULE, mode, workload: {}, patch: { deployment: 'mod-users' } }
    const [patch, ...more] = await render(values, ['--show-only', 'templates/patch.yaml'])
    t.deepEqual(more, [])
    writeFileSync(join(folder, 'sidecar.yaml'), stringify(patch))
    const script = join(folder, 'post-render')
    chmodSync(script, 0o755)
    const { code, out, err } = await runTool(script, [], RENDERED)
    t.is(code, 0, err)
    const things = parseAllDocuments(out).map((document): Thing => document.toJS())
    t.is(things.length, FOLIO.length)
    const deployment = only(things, 'Deployment')
    const [pod] = podSpecs([deployment])
    t.is(sidecarOf(pod!).securityContext.runAsUser, 65532)
    t.is(pod!.initContainers?.length, mode === 'native' ? 1 : undefined)
    t.false(pod!.automountServiceAccountToken)
    const module = pod!.containers.find(({ name }) => name === 'mod-users')
    t.is(module?.image, 'folioorg/mod-users:19.7.0')
    t.deepEqual(module?.securityContext.capabilities.drop, ['ALL'])
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
      const { httpGet, ...more } = (module as unknown as Probed)[probe]
      t.deepEqual(httpGet, { path: '/app/health', port: 9901 }, probe)
      t.false('tcpSocket' in more || 'initialDelaySeconds' in more)
    }
    const { env } = module as unknown as { env: { name: string; value: string }[] }
    t.is(env.find(({ name }) => name === 'OKAPI_URL')?.value, 'http://localhost:9130')
    t.is(env.find(({ name }) => name === 'MODULE_VERSION')?.value, '19.7.0')
    t.deepEqual(
      module?.volumeMounts?.map(({ name }) => name),
      ['config'],
    )
    const volumes = pod!.volumes?.map(({ name }) => name) ?? []
    for (const { name } of sidecarOf(pod!).volumeMounts ?? []) t.true(volumes.includes(name), name)
    t.true(volumes.includes('config'))
    const { template, selector } = deployment.spec as {
      template: { metadata: { labels: Record<string, string> } }
      selector: { matchLabels: Record<string, string> }
    }
    t.deepEqual(selector.matchLabels, { 'app.kubernetes.io/name': 'mod-users' }, 'it cannot change')
    const { podSelector } = only(await render({ ...MODULE, workload: {} }), 'NetworkPolicy')
      .spec as {
      podSelector: { matchLabels: Record<string, string> }
    }
    for (const [key, value] of Object.entries(podSelector.matchLabels)) {
      t.is(template.metadata.labels[key], value)
    }
  })
}

const more = existsSync(HELM_4) ? [] : ['helm 4 (npm run chart-tools -- more)']
const withHelm4 = withTool('helm', 'kubectl', ...more)

withHelm4('helm 4 takes the folder as a plugin, and nothing without a patch', async (t) => {
  const folder = join(PLACE, 'plugin')
  cpSync(join(import.meta.dirname, '../../deploy/folio-helm-v2'), folder, { recursive: true })
  const chart = join(PLACE, 'mod-users')
  mkdirSync(join(chart, 'templates'), { recursive: true })
  const about = { apiVersion: 'v2', name: 'mod-users', version: '1.0.0' }
  writeFileSync(join(chart, 'Chart.yaml'), stringify(about))
  writeFileSync(join(chart, 'templates/all.yaml'), RENDERED)
  const values = { ...MODULE, workload: {}, patch: { deployment: 'mod-users' } }
  const patch = join(PLACE, 'mod-users.patch.yaml')
  writeFileSync(patch, stringify((await render(values, ['-s', 'templates/patch.yaml']))[0]))
  const helm = (...args: string[]) => {
    const data = ['-u', 'HELM_PLUGINS', `HELM_DATA_HOME=${join(PLACE, 'data-of-helm')}`]
    return runTool('env', [...data, HELM_4, ...args])
  }
  const installed = await helm('plugin', 'install', folder)
  t.is(installed.code, 0, installed.err)
  const args = ['template', 'mod-users', chart, '--post-renderer', 'okapi-sidecar']
  const { code, out, err } = await helm(...args, '--post-renderer-args', patch)
  t.is(code, 0, err)
  const things = parseAllDocuments(out).map((document): Thing => document.toJS())
  t.is(things.length, FOLIO.length)
  const [pod] = podSpecs([only(things, 'Deployment')])
  t.is(sidecarOf(pod!).securityContext.runAsUser, 65532)
  const without = await helm(...args)
  t.is(without.code, 1)
  t.is(without.out, '')
})

withBoth('the patch is nothing that is ever applied by itself', async (t) => {
  const things = await render({ ...MODULE, workload: {} })
  t.false(things.some(({ kind }) => kind === 'Deployment'))
})
