import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { PLACE } from '../pod/podman.ts'
import { type Asker, askAgent, asker, DRIVER } from './asking.ts'
import type { Installation } from './installation.ts'
import {
  deploymentOf,
  NAMESPACE,
  NOTE,
  OKAPI,
  productOf,
  TRUST_DOMAIN,
  valuesOf,
} from './modules.ts'
import { outsider } from './outsiders.ts'
import { programPath } from './programs.ts'
import { measured, noneIsLost, theInstallation } from './set-up.ts'
import { SOCKETS } from './spire-objects.ts'
import { attested, LIFE_S, spiffe, startSpire, theSpire } from './spire-set-up.ts'
import { PATIENCE, until } from './until.ts'

// Identities from SPIRE: its server, its agent on the node, and a CSI driver that mounts the agent's socket into each
// pod's sidecar. SPIRE finds out who asks from the kubelet; the entries are those of docs/spire.md.

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
const TAGS = 'mod-tags-3.1.0'

/** The driver as that of SPIFFE is installed, and one process for the node. */
async function startDriver({ cluster }: Installation): Promise<void> {
  await cluster.apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: DRIVER },
    spec: {
      attachRequired: false,
      podInfoOnMount: true,
      fsGroupPolicy: 'None',
      volumeLifecycleModes: ['Ephemeral'],
    },
  })
  const kubelet = join(PLACE, 'node1', 'kubelet')
  const sockets = [join(PLACE, 'csi.sock'), join(kubelet, 'plugins_registry', 'spiffe.sock')]
  cluster.start('csi', programPath('csi'), 'node1', SOCKETS, ...sockets)
  await until('the kubelet knows the driver', async () => {
    const { spec } = await cluster.get<{ spec: { drivers: readonly { name: string }[] | null } }>(
      'csinode',
      'node1',
    )
    return spec.drivers?.some(({ name }) => name === DRIVER) ?? false
  })
}

function uriOf(id: string): string {
  return `spiffe://${TRUST_DOMAIN}/module/${id}`
}

/** What docs/spire.md tells a module's sidecar by. */
function selectorsOf(id: string): readonly string[] {
  return [`k8s:ns:${NAMESPACE}`, `k8s:sa:${deploymentOf(id)}`, 'k8s:container-name:okapi-sidecar']
}

/** How often each sidecar of a module was started again. */
async function restartsOf(installation: Installation, id: string): Promise<readonly number[]> {
  const pods = await installation.pods(id)
  return pods.flatMap(({ status }) => {
    return status.initContainerStatuses.map(({ restartCount }) => restartCount)
  })
}

/** What sidecars of a module have said; since a time, where what they said before would do as well. */
async function logOf(installation: Installation, id: string, since?: Date): Promise<string> {
  const named = ['-l', `okapi-sidecar/product=${productOf(id)}`, '-c', 'okapi-sidecar']
  const from = since === undefined ? [] : [`--since-time=${since.toISOString()}`]
  return installation.kubectl('logs', ...named, '--tail=-1', ...from)
}

test(
  'modules move from Secrets to SPIRE below the same CA, and no call is lost',
  attested,
  async () => {
    const installation = theInstallation()
    const { cluster } = installation
    const begun = performance.now()
    const spire = await startSpire(cluster)
    measured(`SPIRE was ready after ${((performance.now() - begun) / 1000).toFixed(0)} s`)
    await startDriver(installation)
    await spire.registerAsInDocs(LIFE_S)
    for (const id of [USERS, NOTES]) {
      const said = await installation.callsWhile(OKAPI, NOTE, async () => {
        await installation.install(id, spiffe)
        await installation.ready(id)
      })
      noneIsLost(`${id} moved to SPIRE`, said)
    }
    await installation.install(OKAPI, spiffe)
    await installation.ready(OKAPI)
    await installation.crosses(OKAPI, NOTE)
  },
)

test(
  'the identity of another module is refused, and of two the right one is taken',
  attested,
  async () => {
    const installation = theInstallation()
    await theSpire().register('wrong', uriOf(USERS), selectorsOf(TAGS), LIFE_S)
    await installation.install(TAGS, spiffe)
    const wrong =
      /it is the certificate of mod-users-19\.7\.0, the configuration says mod-tags-3\.1\.0/
    await until('it is refused', async () => wrong.test(await logOf(installation, TAGS)))
    await theSpire().register(TAGS, uriOf(TAGS), selectorsOf(TAGS), LIFE_S)
    await installation.ready(TAGS)
    await installation.crosses(OKAPI, '/tags')
  },
)

test(
  'without its entry a module keeps its certificate to the end, is refused then, and comes back',
  attested,
  async () => {
    const installation = theInstallation()
    const before = await restartsOf(installation, TAGS)
    await theSpire().unregister('wrong')
    // Its first sidecars may have been told the same, before there was an entry.
    const since = new Date()
    await theSpire().unregister(TAGS)
    await until('its sidecar says so', async () => {
      return /PERMISSION_DENIED.*no identity issued/.test(await logOf(installation, TAGS, since))
    })
    const { notAfterMs } = await installation.inUse(TAGS)
    // On a busy machine the last of these calls takes some seconds.
    const leftMs = notAfterMs - Date.now() - 10_000
    assert.ok(leftMs > 0, 'it was told before the end')
    noneIsLost('the entry deleted', await installation.calls(OKAPI, '/tags', leftMs))
    let refusal = ''
    await until('it is refused', async () => {
      const { calls, wrong } = await installation.calls(OKAPI, '/tags', 1, 1)
      refusal = wrong[0] ?? ''
      return wrong.length === calls
    })
    measured(`refused ${Math.round((Date.now() - notAfterMs) / 1000)} s after the end: ${refusal}`)
    await theSpire().register(TAGS, uriOf(TAGS), selectorsOf(TAGS), LIFE_S)
    const registered = performance.now()
    await installation.crosses(OKAPI, '/tags')
    measured(
      `it was back ${Math.round((performance.now() - registered) / 1000)} s after it was registered`,
    )
    assert.deepEqual(await restartsOf(installation, TAGS), before)
  },
)

test(
  "SPIRE's usual names stand for modules where `pins.identities` says so",
  attested,
  async () => {
    const installation = theInstallation()
    const usual = `spiffe://${TRUST_DOMAIN}/ns/${NAMESPACE}/sa/${deploymentOf(TAGS)}`
    const pinned = (id: string) => {
      const pins = { identities: { [usual]: TAGS } }
      return { ...spiffe, config: { ...(valuesOf(id)['config'] as object), pins } }
    }
    await theSpire().unregister(TAGS)
    await theSpire().register('usual', usual, selectorsOf(TAGS), LIFE_S)
    for (const id of [OKAPI, TAGS]) await installation.install(id, pinned(id))
    for (const id of [OKAPI, TAGS]) await installation.ready(id)
    await installation.crosses(OKAPI, '/tags')
    await installation.install(OKAPI, spiffe)
    await installation.ready(OKAPI)
    // It calls each module for the tenant before any other call goes there.
    await until('Okapi refuses a name that it does not know', async () => {
      return /bad-identity: .*sa\/mod-tags-3-1-0/.test(await logOf(installation, OKAPI))
    })
  },
)

test(
  'SPIRE tells an identity by namespace, account and container, not by what a pod says of itself',
  attested,
  async () => {
    const installation = theInstallation()
    const { cluster } = installation
    const stranger = 'strangers'
    const right = { namespace: NAMESPACE, account: deploymentOf(USERS), container: 'okapi-sidecar' }
    const labels = { 'okapi-sidecar/module': USERS }
    const account = { apiVersion: 'v1', kind: 'ServiceAccount' }
    await cluster.addNamespace(stranger, 'restricted')
    await cluster.apply(
      { ...account, metadata: { name: right.account, namespace: stranger } },
      { ...account, metadata: { name: 'labelled', namespace: NAMESPACE } },
    )
    const label = 'k8s:pod-label:okapi-sidecar-test/role'
    const byLabel = [`k8s:ns:${NAMESPACE}`, 'k8s:sa:labelled', `${label}:good`]
    await theSpire().register('labelled', uriOf('mod-labelled-1.0.0'), byLabel, LIFE_S)
    const good = { namespace: NAMESPACE, account: 'labelled', container: 'any' }
    const none = 'no identity issued'
    const cases: Readonly<Record<string, [Asker, string]>> = {
      // Who may make pods with its account in its namespace can be this module.
      'the-same': [right, USERS],
      'another-container': [{ ...right, container: 'mod-users' }, none],
      'another-namespace': [{ ...right, namespace: stranger, labels }, none],
      'another-account': [{ ...right, account: 'default', labels }, none],
      'right-label': [
        { ...good, labels: { 'okapi-sidecar-test/role': 'good' } },
        'mod-labelled-1.0.0',
      ],
      'wrong-label': [{ ...good, labels: { 'okapi-sidecar-test/role': 'bad' } }, none],
    }
    const ask = (name: string) => {
      const [{ namespace, container }] = cases[name]!
      return askAgent(installation, namespace, name, container)
    }
    await cluster.apply(...Object.entries(cases).map(([name, [who]]) => asker(name, who)))
    for (const [name, [{ namespace }]] of Object.entries(cases)) {
      await cluster.must('-n', namespace, 'wait', '--for=condition=Ready', `pod/${name}`, PATIENCE)
    }
    const answers = (name: string, given: string) => {
      return until(`${name} is given ${given}`, async () => {
        const found = await ask(name)
        if (found !== given) throw new Error(found)
        return true
      })
    }
    // The agent knows the newest entry, and then all of them.
    await answers('right-label', 'mod-labelled-1.0.0')
    await answers('the-same', USERS)
    for (const [name, [, given]] of Object.entries(cases))
      assert.equal(await ask(name), given, name)
    // Who may change labels chooses what is told by them alone, from one moment to the next.
    await installation.kubectl(
      'label',
      'pod',
      'wrong-label',
      '--overwrite',
      'okapi-sidecar-test/role=good',
    )
    await answers('wrong-label', 'mod-labelled-1.0.0')
    for (const [name, [{ namespace }]] of Object.entries(cases)) {
      await cluster.must('-n', namespace, 'delete', 'pod', name, '--wait=false')
    }
  },
)

test(
  'only the sidecar sees the socket, and cannot put another in its place',
  attested,
  async () => {
    const installation = theInstallation()
    const [pod] = await installation.pods(USERS)
    const look = (container: string) => {
      const script = `
      import * as fs from 'node:fs'
      const tried = (work) => { try { work(); return 'done' } catch (error) { return error.code } }
      console.log(JSON.stringify([
        fs.existsSync('/run/spiffe'),
        tried(() => fs.writeFileSync('/run/spiffe/x', '')),
        tried(() => fs.unlinkSync('/run/spiffe/spire-agent.sock')),
      ]))`
      return installation.script(pod!.metadata.name, container, script)
    }
    assert.deepEqual(JSON.parse(await look('okapi-sidecar')), [true, 'EROFS', 'EROFS'])
    assert.deepEqual(JSON.parse(await look(productOf(USERS))), [false, 'ENOENT', 'ENOENT'])
  },
)

test('`restricted` and `baseline` refuse a socket by hostPath', attested, async () => {
  const { cluster } = theInstallation()
  for (const standard of ['restricted', 'baseline'] as const) {
    const name = `host-path-${standard}`
    await cluster.addNamespace(name, standard)
    const volumes = [{ name: 'agent', hostPath: { path: SOCKETS } }]
    const pod = outsider('outsider', name) as { spec: object }
    const { code, err } = await cluster.dryRun(
      JSON.stringify({ ...pod, spec: { ...pod.spec, volumes } }),
    )
    assert.notEqual(code, 0)
    assert.match(err, new RegExp(`violates PodSecurity "${standard}:latest": .*hostPath`))
  }
})
