import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Condition, readinessOf } from './cluster.ts'
import { deploymentOf, OKAPI, productOf, USER } from './modules.ts'
import { noneIsLost, real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'

async function readiness(id: string): Promise<Condition> {
  const [pod] = await theInstallation().pods(id)
  return readinessOf(pod!)!
}

/** How often the container of the module was started again. */
async function restartsOf(id: string): Promise<number> {
  const [pod] = await theInstallation().pods(id)
  return pod!.status.containerStatuses.find(({ name }) => name === productOf(id))!.restartCount
}

test('the kubelet is started again while calls run, and none is lost', real, async () => {
  const installation = theInstallation()
  const { cluster } = installation
  const other = cluster.nodes[1] ?? (await cluster.addNode('node2'))
  // Who calls is on the first node: its streams go through the kubelet. Who is called is on the second. Okapi comes
  // last: both sidecars learn from it for which tenants mod-notes works.
  for (const [id, node] of [
    [NOTES, 'node1'],
    [USERS, other.name],
    [OKAPI, other.name],
  ] as const) {
    const full = node === 'node1' ? other.name : 'node1'
    await cluster.must('cordon', full)
    await installation.kubectl('rollout', 'restart', `deploy/${deploymentOf(id)}`)
    await installation.ready(id)
    await cluster.must('uncordon', full)
  }
  await installation.crosses(NOTES, USER)
  const before = await readiness(USERS)
  const said = await installation.callsWhile(NOTES, USER, async () => {
    await other.restartKubelet()
    await until('the kubelet is back', async () => {
      const [pod] = await installation.pods(USERS)
      const name = pod!.metadata.name
      return (await installation.script(name, productOf(USERS), 'console.log(1)')) === '1'
    })
    for (const id of [OKAPI, USERS]) {
      await until(`${id} is ready`, async () => (await readiness(id)).status === 'True')
    }
    // A readiness probe that fails now is still to be seen by those who call.
    await installation.calls(NOTES, USER, 15_000)
  })
  const { lastTransitionTime } = await readiness(USERS)
  const was = lastTransitionTime === before.lastTransitionTime ? 'stayed ready' : 'was not ready'
  noneIsLost(`kubelet started again, its pods: ${was}`, said)
  for (const id of [OKAPI, USERS]) assert.equal(await restartsOf(id), 0)
})

test('a module that ends after that is started again beside its sidecar', real, async () => {
  const installation = theInstallation()
  const [pod] = await installation.pods(USERS)
  const { name } = pod!.metadata
  // The command ends with the container it is in: it may be killed before it has ended well.
  const { err } = await installation.cluster.kubectl(
    ...['-n', 'folio', 'exec', name, '-c', productOf(USERS)],
    ...['--', 'node', '-e', "process.kill(1, 'SIGTERM')"],
  )
  const again = `it has been started again (${err.trim()})`
  await until(again, async () => (await restartsOf(USERS)) > 0)
  await until('it is ready', async () => (await readiness(USERS)).status === 'True')
  const [same] = await installation.pods(USERS)
  assert.equal(same!.metadata.name, name)
  assert.equal(same!.status.initContainerStatuses[0]!.restartCount, 0)
  const { wrong, calls, pods } = await installation.calls(NOTES, USER, 1000)
  assert.deepEqual(wrong, [])
  assert.deepEqual(pods, { [name]: calls })
})
