import assert from 'node:assert/strict'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CHART } from '../helm/render.ts'
import { PLACE } from '../pod/podman.ts'
import { MODULE_IMAGE } from './images.ts'
import { NAMESPACE, USER, valuesOf } from './modules.ts'
import { real, theInstallation } from './set-up.ts'
import { PATIENCE } from './until.ts'

const NOTES = 'mod-notes-8.1.0'
const JOBS = 'jobs'

/** A chart of one's own with the sidecar as its dependency, as docs/kubernetes.md has it. */
function jobChart(): string {
  const chart = join(PLACE, 'a-job')
  mkdirSync(join(chart, 'templates'), { recursive: true })
  cpSync(CHART, join(chart, 'charts/okapi-sidecar'), { recursive: true })
  const dependencies = [{ name: 'okapi-sidecar', version: '*' }]
  const about = { apiVersion: 'v2', name: 'a-job', version: '0.1.0', dependencies }
  writeFileSync(join(chart, 'Chart.yaml'), JSON.stringify(about))
  writeFileSync(join(chart, 'templates/job.yaml'), JOB)
  return chart
}

const JOB = `apiVersion: batch/v1
kind: Job
metadata:
  name: a-job
spec:
  backoffLimit: 0
  template:
    metadata:
      labels:
        {{- include "okapi-sidecar.podLabels" . | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "okapi-sidecar.podSpec" . | nindent 6 }}
      initContainers:
        {{- include "okapi-sidecar.initContainers" . | nindent 8 }}
      containers:
        - name: work
          image: ${MODULE_IMAGE}
          args: {{ toJson .Values.work }}
          securityContext:
            runAsUser: 1000
            runAsNonRoot: true
            allowPrivilegeEscalation: false
            capabilities: { drop: [ALL] }
        {{- include "okapi-sidecar.containers" . | nindent 8 }}
      volumes:
        {{- include "okapi-sidecar.volumes" . | nindent 8 }}
`

test('a Job with a sidecar makes its calls and is complete', real, async () => {
  const installation = theInstallation()
  const { cluster } = installation
  await cluster.addNamespace(JOBS, 'restricted')
  await installation.putSecret(NOTES, NOTES, JOBS)
  const { workload: _, ...values } = valuesOf(NOTES)
  const sidecar = {
    ...values,
    service: { enabled: false },
    policy: { packed: installation.packed },
    config: {
      egress: { gateway: `https://okapi.${NAMESPACE}:8443` },
      // Nothing calls a Job, so Okapi has called it for no tenant.
      policy: { withoutToken: 'any' },
    },
  }
  const work = { path: USER, tenant: 'diku', ms: 1000, callers: 2, pauseMs: 50, least: 3 }
  const file = join(PLACE, 'values-a-job.json')
  writeFileSync(
    file,
    JSON.stringify({
      'okapi-sidecar': sidecar,
      work: ['/test/caller.ts', JSON.stringify(work)],
    }),
  )
  const installed = await cluster.client('helm', [
    ...['-n', JOBS, 'install', 'a-job', jobChart(), '-f', file],
  ])
  assert.equal(installed.code, 0, installed.err)
  await cluster.must('-n', JOBS, 'wait', '--for=condition=complete', 'job/a-job', PATIENCE)
  const said = await cluster.must('-n', JOBS, 'logs', 'job/a-job', '-c', 'work')
  const { wrong } = JSON.parse(said.split('\n').at(-1)!)
  assert.deepEqual(wrong, [])
})
