import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deploymentOf, NAMESPACE, NOTE, OKAPI, USER, valuesOf } from './modules.ts'
import { noneIsLost, real, theInstallation } from './set-up.ts'
import { PATIENCE, until } from './until.ts'

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'

async function podNames(id: string): Promise<string[]> {
  return (await theInstallation().pods(id)).map(({ metadata }) => metadata.name)
}

async function nodesOf(id: string): Promise<string[]> {
  return (await theInstallation().pods(id)).map(({ spec }) => spec.nodeName)
}

/**
 * As after a restart Okapi's sidecar does not know yet which tenants a module serves (docs/tenants.md), and the module
 * here calls without a token.
 */
async function believeModules(): Promise<void> {
  const config = { ...(valuesOf(OKAPI)['config'] as object), policy: { withoutToken: 'any' } }
  await theInstallation().install(OKAPI, { config })
  await theInstallation().ready(OKAPI)
}

for (const [who, from, path] of [
  [USERS, OKAPI, NOTE],
  [NOTES, OKAPI, NOTE],
  [OKAPI, NOTES, USER],
] as const) {
  test(`a rollout of ${who} loses no call`, real, async () => {
    const installation = theInstallation()
    if (who === OKAPI) await believeModules()
    const before = await podNames(who)
    const said = await installation.callsWhile(from, path, async () => {
      await installation.kubectl('rollout', 'restart', `deploy/${deploymentOf(who)}`)
      await installation.ready(who)
      for (const name of before)
        await installation.kubectl('wait', '--for=delete', `pod/${name}`, PATIENCE)
    })
    noneIsLost(`rollout of ${who}`, said)
    assert.ok(!(await podNames(who)).some((name) => before.includes(name)))
  })
}

test('the only pod of a module is deleted: calls wait for the next one', real, async () => {
  const installation = theInstallation()
  const [name] = await podNames(USERS)
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await installation.kubectl('delete', 'pod', name!, '--wait=true')
    await installation.ready(USERS)
  })
  noneIsLost('the only pod deleted', said)
})

test('the only pod of a module is evicted: calls wait for the next one', real, async () => {
  const installation = theInstallation()
  const [name] = await podNames(USERS)
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await installation.cluster.evict(NAMESPACE, name!)
    await installation.kubectl('wait', '--for=delete', `pod/${name}`, PATIENCE)
    await installation.ready(USERS)
  })
  noneIsLost('the only pod evicted', said)
})

test('from 1 to 4 replicas and back: all four are used, three are drained', real, async () => {
  const installation = theInstallation()
  const scale = (to: number) => {
    return installation.kubectl('scale', `deploy/${deploymentOf(USERS)}`, `--replicas=${to}`)
  }
  const lost: string[] = []
  const used = async () => {
    const { pods, wrong } = await installation.calls(NOTES, USER, 2000, 8)
    lost.push(...wrong)
    return pods
  }
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await scale(4)
    await installation.ready(USERS)
    const seen = new Set<string>()
    await until('all four have answered', async () => {
      for (const name of Object.keys(await used())) seen.add(name)
      return seen.size === 4
    })
    const four = await podNames(USERS)
    await scale(1)
    await until('one is left', async () => (await podNames(USERS)).length === 1)
    const [left] = await podNames(USERS)
    const gone = four.filter((name) => name !== left).map((name) => `pod/${name}`)
    await installation.kubectl('wait', '--for=delete', ...gone, PATIENCE)
    assert.deepEqual(Object.keys(await used()), [left])
  })
  noneIsLost('from 1 to 4 and back', said)
  assert.deepEqual(lost, [])
})

test('one of two Okapis is deleted while modules call: no call is lost', real, async () => {
  const installation = theInstallation()
  const workload = { ...(valuesOf(OKAPI)['workload'] as object), replicas: 2 }
  await installation.install(OKAPI, { workload })
  await installation.ready(OKAPI)
  await installation.crosses(NOTES, USER)
  const [one, two] = await podNames(OKAPI)
  assert.ok(one !== undefined && two !== undefined)
  const said = await installation.callsWhile(NOTES, USER, async () => {
    await installation.kubectl('delete', 'pod', one, '--wait=true')
    await installation.ready(OKAPI)
  })
  noneIsLost('one of two Okapis deleted', said)
  await installation.install(OKAPI)
  await installation.ready(OKAPI)
})

test('a node is drained: its pods move to another, and no call is lost', real, async () => {
  const installation = theInstallation()
  const { cluster } = installation
  // Before there is another node, so that it is to be drained too.
  await believeModules()
  await cluster.addNode('node2')
  // What calls has to stay; it is on the other node already.
  await cluster.must('cordon', 'node1')
  await installation.kubectl('rollout', 'restart', `deploy/${deploymentOf(NOTES)}`)
  await installation.ready(NOTES)
  for (const id of [OKAPI, USERS]) assert.deepEqual(await nodesOf(id), ['node1'])
  // Its own sidecar has to see too for which tenant Okapi calls it.
  await installation.crosses(OKAPI, NOTE)
  const said = await installation.callsWhile(NOTES, USER, async () => {
    await cluster.must('drain', 'node1', PATIENCE, '--force')
    for (const id of [OKAPI, USERS]) await installation.ready(id)
  })
  noneIsLost('a node drained', said)
  for (const id of [OKAPI, USERS]) {
    assert.deepEqual(await nodesOf(id), ['node2'])
  }
  await cluster.must('uncordon', 'node1')
})
