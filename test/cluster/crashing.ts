import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContainerStatus, type Pod, readinessOf } from './cluster.ts'
import { NOTE, OKAPI, productOf } from './modules.ts'
import { measured, real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

// Containers that end without having been told to.

const USERS = 'mod-users-19.7.0'
const SIDECAR = 'okapi-sidecar'
/** Each has one call open at most. */
const CALLERS = 3

function containerOf({ status }: Pod, container: string): ContainerStatus {
  const all = [...status.initContainerStatuses, ...status.containerStatuses]
  return all.find(({ name }) => name === container)!
}

for (const [container, other] of [
  [SIDECAR, productOf(USERS)],
  [productOf(USERS), SIDECAR],
] as const) {
  test(`${container} is killed: only calls that were open are lost`, real, async () => {
    const installation = theInstallation()
    await installation.crosses(OKAPI, NOTE)
    const [pod] = await installation.pods(USERS)
    const { name, uid } = pod!.metadata
    const before = containerOf(pod!, container)
    const node = installation.cluster.nodes.find((one) => one.name === pod!.spec.nodeName)
    const { calls, wrong, slowestMs } = await installation.callsWhile(
      OKAPI,
      NOTE,
      async () => {
        node!.kill(uid, before.containerID.replace('containerd://', ''))
        await until('it is started again, and its pod is ready', async () => {
          const [now] = await installation.pods(USERS)
          const { restartCount } = containerOf(now!, container)
          return restartCount > before.restartCount && readinessOf(now!)?.status === 'True'
        })
      },
      CALLERS,
    )
    measured(`${container} killed: ${wrong.length} of ${calls} lost, the slowest ${slowestMs} ms`)
    assert.ok(wrong.length <= CALLERS, wrong.join('\n'))
    for (const one of wrong) assert.match(one, /: 50[23] /)
    const [now] = await installation.pods(USERS)
    assert.equal(now!.metadata.name, name)
    // The one beside it went on.
    assert.equal(containerOf(now!, other).restartCount, containerOf(pod!, other).restartCount)
  })
}
