import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from './cluster.ts'
import { MODULES, moduleArgs, NAMESPACE, NOTE, OKAPI, productOf, valuesOf } from './modules.ts'
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
  await installation.crosses(OKAPI, NOTE)
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

/** Keeps an object when it is deleted, until it is taken off. */
const SEEN = 'okapi-sidecar-test/seen'

test('a sidecar ends after its module, and both with 0', real, async () => {
  const installation = theInstallation()
  // On a busy machine the leave takes longer than the 5 seconds after which the module is told to end.
  const workload = { ...(valuesOf(TAGS)['workload'] as object), preStopSeconds: 15 }
  await installation.install(TAGS, { workload })
  await installation.ready(TAGS)
  const [pod] = await installation.pods(TAGS)
  const { name } = pod!.metadata
  const change = (op: object) => {
    return installation.kubectl('patch', 'pod', name, '--type=json', '-p', JSON.stringify([op]))
  }
  const path = '/metadata/finalizers'
  await change({ op: 'add', path, value: [SEEN] })
  const [sidecarLog, moduleLog] = [
    await installation.cluster.follow(NAMESPACE, name, 'okapi-sidecar'),
    await installation.cluster.follow(NAMESPACE, name, productOf(TAGS)),
  ]
  await installation.kubectl('delete', 'pod', name, '--wait=false')
  const [sidecar, module] = [await sidecarLog.all, await moduleLog.all]
  const [leaving, stopped] = [timeOf(sidecar, 'leaving'), timeOf(sidecar, 'stopped')]
  const [told, ended] = [timeOf(module, 'SIGTERM'), timeOf(module, 'ended')]
  assert.ok(leaving < told && told <= ended && ended < stopped, sidecar + module)
  measured(`leave, module ${told - leaving} ms later, sidecar ended ${stopped - ended} ms after it`)
  let codes: (number | undefined)[] = []
  await until('Kubernetes knows how they ended', async () => {
    const { status } = await installation.cluster.get<Pod>('-n', NAMESPACE, 'pod', name)
    const all = [...status.containerStatuses, ...status.initContainerStatuses]
    codes = all.map(({ state }) => state.terminated?.exitCode)
    return !codes.includes(undefined)
  })
  await change({ op: 'remove', path })
  assert.deepEqual(codes, [0, 0])
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
    await installation.install(TAGS)
    await installation.ready(TAGS)
  },
)
