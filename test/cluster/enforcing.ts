import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressesOf } from './cluster.ts'
import type { Installation } from './installation.ts'
import { deploymentOf, moduleArgs, NAMESPACE, NOTE, OKAPI, productOf, valuesOf } from './modules.ts'
import { BRIDGE_ADDRESS, FAMILIES } from './network.ts'
import { linkLocalOf, opens, outsider, reach } from './outsiders.ts'
import { noneIsLost, realWith, theInstallation } from './set-up.ts'
import { PATIENCE, until } from './until.ts'

// The chart's NetworkPolicy, enforced on the node by the controller of kube-router, for each family that pods have.
// The first of these tests starts it, and it goes on: what comes after them in the same run has it too.

const TAGS = 'mod-tags-3.1.0'
const USERS = 'mod-users-19.7.0'
/** A namespace without any sidecar. */
const ELSEWHERE = 'elsewhere'
const OUTSIDERS = [
  ['plain', NAMESPACE],
  ['far', ELSEWHERE],
  // A label is not an identity.
  ['disguised', ELSEWHERE, { 'okapi-sidecar/module': TAGS }],
] as const
/** What the module listens at, its sidecar's port and the admin port. */
const PORTS = [8081, 8443, 9901]

const enforced = realWith(['netpol'], 'iptables', 'ip6tables', 'ipset')

/** The module listens for all, as RMB does. */
const OPEN = {
  workload: { ...(valuesOf(TAGS)['workload'] as object), args: moduleArgs(TAGS, { host: '::' }) },
}
const LISTED = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': ELSEWHERE } } }
const SIDECARS = {
  namespaceSelector: {},
  podSelector: { matchExpressions: [{ key: 'okapi-sidecar/module', operator: 'Exists' }] },
}

/**
 * Waits until a pod finds the ports of mod-tags so, at each of its addresses; a plugin takes a moment to know a new
 * pod, or a new policy.
 */
async function finds(
  installation: Installation,
  pod: string,
  where: string,
  wanted: readonly boolean[],
) {
  await until(`${pod} finds ${wanted}`, async () => {
    const [tags] = (await installation.pods(TAGS)).slice(-1)
    const addresses = addressesOf(tags!)
    assert.equal(addresses.length, FAMILIES.length)
    const tries = addresses.flatMap((to) => PORTS.map((port) => ({ to, port })))
    const said = await Promise.all(
      tries.map(({ to, port }) => reach(installation, where, pod, pod, to, port)),
    )
    // How kube-router refuses, or drops what is too much to refuse.
    const closed = ['silent', 'ECONNREFUSED']
    if (said.every((one, i) => (wanted[i % PORTS.length] ? ['open'] : closed).includes(one)))
      return true
    throw new Error(said.join())
  })
}

test(
  'an enforced policy closes the module’s own port, and leaves the sidecar’s open',
  enforced,
  async () => {
    const installation = theInstallation()
    const { cluster } = installation
    await cluster.addNamespace(ELSEWHERE, 'restricted')
    await cluster.apply(...OUTSIDERS.map(([name, where, labels]) => outsider(name, where, labels)))
    await installation.install(TAGS, OPEN)
    await installation.ready(TAGS)
    for (const [name, where] of OUTSIDERS) {
      const ready = ['--for=condition=Ready', `pod/${name}`, PATIENCE]
      await cluster.must('-n', where, 'wait', ...ready)
      // There is something to reach.
      await finds(installation, name, where, [true, true, true])
    }
    // Without it what goes from pod to pod over a bridge passes no rule of the machine.
    const bridged = ['iptables', 'ip6tables'].map((one) => `net.bridge.bridge-nf-call-${one}=1`)
    assert.equal((await cluster.client('sysctl', ['-qw', ...bridged])).code, 0)
    cluster.startBeside('netpol', 'node1', FAMILIES.map(({ services }) => services).join())
    for (const [name, where] of OUTSIDERS)
      await finds(installation, name, where, [false, true, true])
  },
)

test(
  'what docs/kubernetes.md says of link-local addresses: kube-router has no rule for them',
  enforced,
  async () => {
    const installation = theInstallation()
    const [tags] = (await installation.pods(TAGS)).slice(-1)
    const { name } = tags!.metadata
    const near = await linkLocalOf(installation, NAMESPACE, name, productOf(TAGS))
    assert.ok(near)
    for (const port of PORTS) {
      await opens(installation, NAMESPACE, 'plain', 'plain', near, port)
    }
  },
)

test('a module gets to sidecars and names, and nowhere else', enforced, async () => {
  const installation = theInstallation()
  const [tags] = (await installation.pods(TAGS)).slice(-1)
  const [okapi] = await installation.pods(OKAPI)
  const [users] = await installation.pods(USERS)
  const inside = (container: string) => {
    return [installation, NAMESPACE, tags!.metadata.name, container] as const
  }
  const forbidden = [
    ...addressesOf(okapi!).map((to) => ({ to, port: 9901 })),
    // API server and kubelet.
    ...FAMILIES.map(({ address }) => ({ to: address, port: 6443 })),
    { to: BRIDGE_ADDRESS, port: 10250 },
  ]
  // There is something to reach.
  for (const { to, port } of forbidden)
    await opens(installation, NAMESPACE, 'plain', 'plain', to, port)
  for (const container of ['okapi-sidecar', productOf(TAGS)]) {
    const names = [`okapi.${NAMESPACE}`, ...addressesOf(users!)]
    for (const to of names) await opens(...inside(container), to, 8443)
    for (const { address } of FAMILIES) await opens(...inside(container), address, 53)
    for (const { to, port } of forbidden) {
      assert.notEqual(await reach(...inside(container), to, port), 'open', `${to} ${port}`)
    }
  }
})

test('probes go on: no container is restarted', enforced, async () => {
  const installation = theInstallation()
  for (const id of [OKAPI, USERS, TAGS]) {
    for (const { status } of await installation.pods(id)) {
      const all = [...status.containerStatuses, ...status.initContainerStatuses]
      assert.deepEqual(
        all.map(({ restartCount }) => restartCount),
        [0, 0],
        id,
      )
    }
  }
})

test('only those that are listed get in, `helm test` among them, and out', enforced, async () => {
  const installation = theInstallation()
  const okapis = { podSelector: { matchLabels: { 'okapi-sidecar/product': 'okapi' } } }
  const networkPolicy = {
    from: [SIDECARS],
    adminFrom: [LISTED],
    dnsTo: FAMILIES.map(({ address, name }) => {
      return { ipBlock: { cidr: `${address}/${name === 'ipv6' ? 128 : 32}` } }
    }),
    outward: [{ ports: [{ port: 9901, protocol: 'TCP' }], to: [okapis] }],
  }
  await installation.install(TAGS, { ...OPEN, networkPolicy })
  await installation.ready(TAGS)
  await finds(installation, 'plain', NAMESPACE, [false, false, false])
  await finds(installation, 'far', ELSEWHERE, [false, false, true])
  // It reaches the sidecar by a label, and has no certificate.
  await finds(installation, 'disguised', ELSEWHERE, [false, true, true])
  const [okapi] = await installation.pods(OKAPI)
  const [tags] = (await installation.pods(TAGS)).slice(-1)
  const { name } = tags!.metadata
  for (const to of addressesOf(okapi!)) {
    await opens(installation, NAMESPACE, name, productOf(TAGS), to, 9901)
  }
  const { code, out, err } = await installation.helm('test', productOf(TAGS), '--logs')
  assert.equal(code, 0, out + err)
})

test('`helm test` fails when the policy is taken away', enforced, async () => {
  const installation = theInstallation()
  await installation.install(TAGS, { ...OPEN, networkPolicy: { enabled: false } })
  await finds(installation, 'plain', NAMESPACE, [true, true, true])
  const { code, out } = await installation.helm('test', productOf(TAGS), '--logs')
  assert.equal(code, 1)
  assert.match(out, /got through +the module’s own port/)
  await installation.install(TAGS)
  await installation.ready(TAGS)
})

test('a rollout loses no call while policies are enforced', enforced, async () => {
  const installation = theInstallation()
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await installation.kubectl('rollout', 'restart', `deploy/${deploymentOf(USERS)}`)
    await installation.ready(USERS)
  })
  noneIsLost('a rollout with policies enforced', said)
})
