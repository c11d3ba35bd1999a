import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { stringify } from 'yaml'
import { withTool } from '../support/scenario/tools.ts'
import { CHART, MODULE, only, PLACE, podSpecs, renderChart, sidecarOf } from './render.ts'

const withHelm = withTool('helm')

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

withHelm('three lines put it into another chart', async (t) => {
  const chart = join(PLACE, 'mine')
  mkdirSync(join(chart, 'templates'), { recursive: true })
  mkdirSync(join(chart, 'charts'))
  cpSync(CHART, join(chart, 'charts/okapi-sidecar'), { recursive: true })
  const dependency = { name: 'okapi-sidecar', version: '0.1.0', repository: '' }
  writeFileSync(
    join(chart, 'Chart.yaml'),
    stringify({ apiVersion: 'v2', name: 'mine', version: '1.0.0', dependencies: [dependency] }),
  )
  writeFileSync(
    join(chart, 'templates/pod.yaml'),
    `apiVersion: v1
kind: Pod
metadata:
  name: mine
  labels:
    {{- include "okapi-sidecar.podLabels" . | nindent 4 }}
spec:
  {{- include "okapi-sidecar.podSpec" . | nindent 2 }}
  initContainers:
    {{- include "okapi-sidecar.initContainers" . | nindent 4 }}
  containers:
    - { name: mine, image: mine, securityContext: { runAsUser: 1 } }
  volumes:
    {{- include "okapi-sidecar.volumes" . | nindent 4 }}
`,
  )
  const { workload: _, ...values } = MODULE
  const things = await renderChart(chart, { 'okapi-sidecar': values })
  const [pod] = podSpecs([only(things, 'Pod', 'mine')])
  t.is(sidecarOf(pod!).image, 'okapi-sidecar:0.1.0')
  const names = things
    .filter(({ kind }) => kind === 'ConfigMap')
    .map(({ metadata }) => metadata.name)
  for (const { configMap } of pod!.volumes ?? []) {
    if (configMap !== undefined) t.true(names.includes(configMap.name), configMap.name)
  }
  const secret = pod!.volumes?.find((volume) => volume.secret !== undefined)
  t.is(secret?.secret?.secretName, only(things, 'Certificate').metadata.name)
  const { podSelector } = only(things, 'NetworkPolicy').spec as {
    podSelector: { matchLabels: Record<string, string> }
  }
  const { labels } = only(things, 'Pod', 'mine').metadata
  for (const [key, value] of Object.entries(podSelector.matchLabels)) t.is(labels?.[key], value)
})
