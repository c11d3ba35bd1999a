import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Values } from '../helm/render.ts'
import { type ContainerStatus, type Pod, readinessOf } from './cluster.ts'
import { deploymentOf, NAMESPACE, NOTE, OKAPI, productOf, valuesOf } from './modules.ts'
import { measured, noneIsLost, real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

// What an operator changes with `helm upgrade`, and takes back, while calls run.

const USERS = 'mod-users-19.7.0'
const RELEASE = productOf(USERS)

function config(more: object): Values {
  return { config: { ...(valuesOf(USERS)['config'] as object), ...more } }
}

const CHANGES: readonly (readonly [string, Values])[] = [
  ['an ordinary container instead of a native sidecar', { mode: 'container' }],
  ['a native sidecar again', {}],
  ['no link', config({ link: false })],
  ['the link, and another admin port', { ports: { admin: 9911 } }],
  ['everything as it was', {}],
]

test('values are changed while calls run, and none is lost', real, async () => {
  const installation = theInstallation()
  for (const [what, values] of CHANGES) {
    const said = await installation.callsWhile(OKAPI, NOTE, async () => {
      await installation.install(USERS, values)
      await installation.ready(USERS)
    })
    noneIsLost(`upgrade to ${what}`, said)
  }
})

/** A container that waits to be started again after it has ended. */
interface Ended extends ContainerStatus {
  readonly lastState: { readonly terminated?: { readonly exitCode: number; message?: string } }
}

async function newest(): Promise<Pod> {
  const { items } = await theInstallation().cluster.get<{ items: Pod[] }>(
    ...['-n', NAMESPACE, 'pods', '-l', `okapi-sidecar/product=${RELEASE}`],
    '--sort-by=.metadata.creationTimestamp',
  )
  return items.at(-1)!
}

test('an upgrade with a wrong configuration: the old pod stays, and says why', real, async () => {
  const installation = theInstallation()
  const [old] = await installation.pods(USERS)
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await installation.install(USERS, config({ credentials: { directory: '/nowhere' } }))
    let message = ''
    await until('its pod says why', async () => {
      const [sidecar] = (await newest()).status.initContainerStatuses as Ended[]
      message = sidecar?.lastState.terminated?.message ?? ''
      return message !== ''
    })
    // `kubectl describe pod` shows it.
    assert.match(message, /okapi-sidecar: error: .*\/nowhere/s)
    const [pod] = await installation.pods(USERS)
    assert.equal(pod!.metadata.name, old!.metadata.name)
    assert.equal(readinessOf(pod!)?.status, 'True')
    const { code, err } = await installation.helm('rollback', RELEASE)
    assert.equal(code, 0, err)
    await installation.ready(USERS)
  })
  noneIsLost('an upgrade with a wrong configuration, rolled back', said)
  assert.deepEqual(
    (await installation.pods(USERS)).map(({ metadata }) => metadata.name),
    [old!.metadata.name],
  )
})

test(
  'a pod whose image is not there: the old one stays until it is rolled back',
  real,
  async () => {
    const installation = theInstallation()
    const said = await installation.callsWhile(OKAPI, NOTE, async () => {
      const image = { repository: 'localhost/not-there', pullPolicy: 'Never' }
      await installation.install(USERS, { image })
      await until('its pod says why', async () => {
        const reason = 'jsonpath={.status.initContainerStatuses[0].state.waiting.reason}'
        const { metadata } = await newest()
        return /Image/.test(await installation.kubectl('get', 'pod', metadata.name, '-o', reason))
      })
      const { code, err } = await installation.helm('rollback', RELEASE)
      assert.equal(code, 0, err)
      await installation.ready(USERS)
    })
    noneIsLost('an upgrade to an image that is not there, rolled back', said)
  },
)

test('a policy that is none is refused, and the last one stays in use', real, async () => {
  const installation = theInstallation()
  const name = `${deploymentOf(USERS)}-policy`
  const failed = () => {
    return installation.metric(USERS, 'sidecar_policy_reload_total{result="failed"')
  }
  const before = await failed()
  const put = (packed: string) => {
    const data = [{ op: 'replace', path: '/data/installed.json', value: packed }]
    return installation.kubectl('patch', 'cm', name, '--type=json', '-p', JSON.stringify(data))
  }
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await put('{"no": "policy"}')
    await until('it is refused', async () => (await failed()) > before)
    await put(installation.packed)
  })
  measured('a policy that is none was refused')
  noneIsLost('a policy that is none', said)
})
