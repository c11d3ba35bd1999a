import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deploymentOf, MODULES, moduleArgs, NOTE, OKAPI, productOf, valuesOf } from './modules.ts'
import { CONTAINERD_2, KUBERNETES } from './programs.ts'
import { measured, real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

const IDS = [OKAPI, ...Object.keys(MODULES)]
const TAGS = 'mod-tags-3.1.0'
/** FOLIO's slow modules take 90 s and more; `CLUSTER_SLOW_START_SECONDS=90` waits that long. */
const SLOW_SECONDS = Number(process.env['CLUSTER_SLOW_START_SECONDS'] ?? 25)

/** The time at which a log has a line with this message, in milliseconds. */
function timeOf(log: string, message: string): number {
  const line = log.split('\n').find((one) => one.includes(`"msg":"${message}"`)) ?? '{}'
  const { at, time }: { at?: number; time?: number | string } = JSON.parse(line)
  return at ?? (typeof time === 'string' ? Date.parse(time) : (time ?? Number.NaN))
}

test('the node has the Kubernetes and the containerd that are asked for', real, async () => {
  const path =
    'jsonpath={.status.nodeInfo.kubeletVersion} {.status.nodeInfo.containerRuntimeVersion}'
  const found = await theInstallation().cluster.must('get', 'node', 'node1', '-o', path)
  measured(`the node: ${found}`)
  const [kubelet, runtime] = found.split(' ')
  assert.equal(kubelet, `v${KUBERNETES}`)
  assert.match(runtime!, CONTAINERD_2 ? /^containerd:\/\/v?2\./ : /^containerd:/)
})

test('a call crosses: Okapi, mod-notes, Okapi, mod-users, and back', real, async () => {
  const installation = theInstallation()
  // The stand-in enables its modules as they come up.
  await until('Okapi has enabled all modules', async () => {
    const { wrong, calls } = await installation.calls(OKAPI, NOTE, 1, 1)
    if (wrong.length > 0) throw new Error(wrong[0])
    return calls > 0
  })
  const { calls, wrong, pods } = await installation.calls(OKAPI, NOTE, 3000)
  assert.deepEqual(wrong, [])
  const [notes] = await installation.pods('mod-notes-8.1.0')
  assert.deepEqual(pods, { [notes!.metadata.name]: calls })
})

test('each sidecar is ready before its module is started', real, async () => {
  const installation = theInstallation()
  for (const id of IDS) {
    const [pod] = await installation.pods(id)
    const { name } = pod!.metadata
    const sidecar = await installation.kubectl('logs', name, '-c', 'okapi-sidecar')
    const ready = timeOf(sidecar, 'ready')
    assert.ok(ready > 0, sidecar.slice(0, 2000))
    const [module] = pod!.status.containerStatuses
    const started = Date.parse(module!.state.running!.startedAt)
    // Kubernetes says whole seconds.
    assert.ok(started >= Math.floor(ready / 1000) * 1000, `${id}: ${ready} ${started}`)
    if (id === OKAPI) continue
    const starting = timeOf(
      await installation.kubectl('logs', name, '-c', productOf(id)),
      'starting',
    )
    assert.ok(starting > ready, `${id}: ${starting} after ${ready}`)
    measured(`${id} was started ${starting - ready} ms after its sidecar was ready`)
  }
})

test('no container was restarted on its way up', real, async () => {
  const installation = theInstallation()
  for (const id of IDS) {
    const [pod] = await installation.pods(id)
    const { containerStatuses, initContainerStatuses } = pod!.status
    for (const { name, restartCount } of [...containerStatuses, ...initContainerStatuses]) {
      assert.equal(restartCount, 0, `${id} ${name}`)
    }
  }
})

test('a sidecar ends after its module, and both with 0', real, async () => {
  const installation = theInstallation()
  const [pod] = await installation.pods(TAGS)
  const { name } = pod!.metadata
  const logs = ['okapi-sidecar', productOf(TAGS)].map((container) => {
    return installation.kubectl('logs', '--follow', name, '-c', container)
  })
  await installation.kubectl('delete', 'pod', name, '--wait=true')
  const [sidecar = '', module = ''] = await Promise.all(logs)
  const [leaving, stopped] = [timeOf(sidecar, 'leaving'), timeOf(sidecar, 'stopped')]
  const [told, ended] = [timeOf(module, 'SIGTERM'), timeOf(module, 'ended')]
  assert.ok(leaving < told && told <= ended && ended < stopped, sidecar + module)
  measured(`leave, module ${told - leaving} ms later, sidecar ended ${stopped - ended} ms after it`)
  await installation.ready(TAGS)
})

test(
  `a module that starts in ${SLOW_SECONDS} s is waited for and not restarted`,
  real,
  async () => {
    const installation = theInstallation()
    const workload = {
      ...(valuesOf(TAGS)['workload'] as object),
      args: moduleArgs(TAGS, { startMs: SLOW_SECONDS * 1000 }),
    }
    await installation.install(TAGS, { workload })
    await installation.ready(TAGS)
    const [pod] = await installation.pods(TAGS)
    const { containerStatuses, initContainerStatuses } = pod!.status
    for (const { restartCount } of [...containerStatuses, ...initContainerStatuses]) {
      assert.equal(restartCount, 0)
    }
    const log = await installation.kubectl('logs', pod!.metadata.name, '-c', productOf(TAGS))
    assert.ok(timeOf(log, 'listening') - timeOf(log, 'starting') >= SLOW_SECONDS * 1000)
    // What is there now took the place of the pod before it. On a busy machine a probe may come late.
    await until('one is ready', async () => {
      const { status } = await installation.cluster.get<{ status: { readyReplicas: number } }>(
        ...['-n', 'folio', 'deployment', deploymentOf(TAGS)],
      )
      return status.readyReplicas === 1
    })
    await installation.install(TAGS)
    await installation.ready(TAGS)
  },
)
