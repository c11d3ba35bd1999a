import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deploymentOf, NAMESPACE, NOTE, OKAPI, USER, valuesOf } from './modules.ts'
import { noneIsLost, real, theTown } from './set-up.ts'
import { until } from './until.ts'

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'

async function podNames(id: string): Promise<string[]> {
  return (await theTown().pods(id)).map(({ metadata }) => metadata.name)
}

for (const [who, from, path] of [
  [USERS, OKAPI, NOTE],
  [NOTES, OKAPI, NOTE],
  [OKAPI, NOTES, USER],
] as const) {
  test(`a rollout of ${who} loses no call`, real, async () => {
    const town = theTown()
    const before = await podNames(who)
    const said = await town.callsWhile(from, path, async () => {
      await town.kubectl('rollout', 'restart', `deploy/${deploymentOf(who)}`)
      await town.ready(who)
      for (const name of before)
        await town.kubectl('wait', '--for=delete', `pod/${name}`, '--timeout=120s')
    })
    noneIsLost(`rollout of ${who}`, said)
    assert.ok(!(await podNames(who)).some((name) => before.includes(name)))
  })
}

test('the only pod of a module is deleted: calls wait for the next one', real, async () => {
  const town = theTown()
  const [name] = await podNames(USERS)
  const said = await town.callsWhile(OKAPI, NOTE, async () => {
    await town.kubectl('delete', 'pod', name!, '--wait=true')
    await town.ready(USERS)
  })
  noneIsLost('the only pod deleted', said)
})

test('the only pod of a module is evicted: calls wait for the next one', real, async () => {
  const town = theTown()
  const [name] = await podNames(USERS)
  const said = await town.callsWhile(OKAPI, NOTE, async () => {
    await town.cluster.evict(NAMESPACE, name!)
    await town.kubectl('wait', '--for=delete', `pod/${name}`, '--timeout=120s')
    await town.ready(USERS)
  })
  noneIsLost('the only pod evicted', said)
})

test('from 1 to 4 replicas and back: all four are used, three are drained', real, async () => {
  const town = theTown()
  const scale = (to: number) => {
    return town.kubectl('scale', `deploy/${deploymentOf(USERS)}`, `--replicas=${to}`)
  }
  const used = async () => {
    const { pods, wrong } = await town.calls(NOTES, USER, 2000, 8)
    assert.deepEqual(wrong, [])
    return pods
  }
  const said = await town.callsWhile(OKAPI, NOTE, async () => {
    await scale(4)
    await town.ready(USERS)
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
    await town.kubectl('wait', '--for=delete', ...gone, '--timeout=180s')
    assert.deepEqual(Object.keys(await used()), [left])
  })
  noneIsLost('from 1 to 4 and back', said)
})

test('one of two Okapis is deleted while modules call: no call is lost', real, async () => {
  const town = theTown()
  const workload = { ...(valuesOf(OKAPI)['workload'] as object), replicas: 2 }
  await town.install(OKAPI, { workload })
  await town.ready(OKAPI)
  // Each stand-in enables the modules by itself.
  await until('calls cross', async () => (await town.calls(NOTES, USER, 500, 8)).wrong.length === 0)
  const [one, two] = await podNames(OKAPI)
  assert.ok(one !== undefined && two !== undefined)
  const said = await town.callsWhile(NOTES, USER, async () => {
    await town.kubectl('delete', 'pod', one, '--wait=true')
    await town.ready(OKAPI)
  })
  noneIsLost('one of two Okapis deleted', said)
  await town.install(OKAPI)
  await town.ready(OKAPI)
})

test('a node is drained: its pods move to another, and no call is lost', real, async () => {
  const town = theTown()
  const { cluster } = town
  await cluster.addNode('node2')
  // What calls has to stay; it is on the other node already.
  await cluster.must('cordon', 'node1')
  await town.kubectl('rollout', 'restart', `deploy/${deploymentOf(NOTES)}`)
  await town.ready(NOTES)
  // Without a token a module acts only for a tenant that Okapi has called it for.
  assert.deepEqual((await town.calls(OKAPI, NOTE, 1, 1)).wrong, [])
  const said = await town.callsWhile(NOTES, USER, async () => {
    await cluster.must('drain', 'node1', '--timeout=170s', '--force')
    for (const id of [OKAPI, USERS]) await town.ready(id)
  })
  noneIsLost('a node drained', said)
  for (const id of [OKAPI, USERS]) {
    const nodes = (await town.pods(id)).map(({ spec }) => spec.nodeName)
    assert.deepEqual(nodes, ['node2'])
  }
  await cluster.must('uncordon', 'node1')
})
